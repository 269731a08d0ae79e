using System.Text.Json.Nodes;
using Aperture.Diffusion;

namespace Aperture.Plugins.InstDiffEdit.Tests;

/// <summary>What the files of a diffusion model say is acted on, refused or told.</summary>
public sealed class SettingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-settings-").FullName;

    public SettingsTests()
    {
        foreach (string file in Directory.EnumerateFiles(TinyEditor.Checkpoint, "*", SearchOption.AllDirectories))
        {
            string copy = Path.Combine(_folder, Path.GetRelativePath(TinyEditor.Checkpoint, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
            File.SetAttributes(copy, FileAttributes.Normal);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_recorded_checkpoint_says_nothing_that_is_not_honoured() => Assert.Empty(Notices());

    [Fact]
    public void What_nothing_reads_or_does_is_told_with_its_file()
    {
        Change("scheduler/scheduler_config.json", "thresholding", true);
        Change("vae/config.json", "new_idea", 3);

        Assert.Equal(
            [
                $"{_folder}/vae/config.json: nothing here reads new_idea; answers may differ from its authors'.",
                $"{_folder}/scheduler/scheduler_config.json: not done is thresholding true; answers may differ from its authors'.",
            ],
            Notices());
    }

    [Fact]
    public void Another_design_is_refused()
    {
        Change("unet/config.json", "use_linear_projection", true);

        Assert.Equal(
            $"{_folder}/unet/config.json: use_linear_projection is true, which is not supported; take a checkpoint without it.",
            Assert.Throws<ApertureException>(() => Notices()).Message);
    }

    private List<string> Notices()
    {
        List<string> told = [];
        DiffusionModel.Open(_folder, new DiffusionModelOptions { Tell = told.Add }).Dispose();
        return told;
    }

    private void Change(string file, string key, JsonNode value)
    {
        string path = Path.Combine(_folder, file);
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        json[key] = value;
        File.WriteAllText(path, json.ToJsonString());
    }
}
