using System.Text.Json.Nodes;
using Aperture.Tasks;

namespace Aperture.Abstractions.Tests.Tasks;

/// <summary>What a checkpoint's folder says about how it is opened.</summary>
public sealed class TaskSettingsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-task-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void What_was_written_is_read_for_the_folder_and_for_its_weights_alone()
    {
        string weights = Path.Combine(_folder, "a.safetensors"), other = Path.Combine(_folder, "b.safetensors");
        File.WriteAllText(weights, "");
        File.WriteAllText(other, "");
        Assert.Null(TaskSettings.Of(_folder));

        new TaskSettings("meter", "a.safetensors", new JsonObject { ["Heads"] = 4 }).Write(_folder);

        foreach (string checkpoint in new[] { _folder, weights })
        {
            TaskSettings read = TaskSettings.Of(checkpoint)!;
            Assert.Equal(("meter", "a.safetensors", """{"Heads":4}"""), (read.Architecture, read.Weights, read.Options!.ToJsonString()));
        }

        Assert.Null(TaskSettings.Of(other));
    }

    [Theory]
    [InlineData("[]", "this is no object")]
    [InlineData("""{"heads": 4}""", "'heads' is not known")]
    [InlineData("""{"architecture": 4}""", "architecture is no text")]
    [InlineData("""{"weights": "../a.pth"}""", "weights '../a.pth' is no file's name")]
    [InlineData("""{"options": 4}""", "options is no object")]
    [InlineData("{", "is not valid JSON")]
    public void Anything_else_is_one_line(string text, string expected)
    {
        File.WriteAllText(Path.Combine(_folder, TaskSettings.FileName), text);

        ApertureException error = Assert.Throws<ApertureException>(() => TaskSettings.Of(_folder));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }
}
