using Aperture.Images;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>scripts/face.csx</c> on random weights of a small generator.</summary>
[Trait("Category", "Process")]
public sealed class FaceScriptTests
{
    private static readonly string _script = Repository.Path("scripts", "face.csx");

    [Fact]
    public async Task The_script_writes_a_row_of_views_a_turn_and_each_preview()
    {
        using CommandFolder f = new CommandFolder().Write("weights.csx", $$"""
            #load "{{Repository.Path("scripts", "face-weights.csx")}}"
            using Aperture.Weights;
            SafetensorsWriter.Save("face.safetensors", RandomFace(new FaceSizes(64, 16, 64, 64, 16, 32, 16, 64, 2, 3, 2)));
            WriteClip("clip", 64, 1);
            """);
        (int code, _, string error) = await f.Run("run", "weights.csx");
        Assert.Equal((0, ""), (code, error));

        (code, string output, error) = await f.Run(
            "run", _script, "--", "face.safetensors", "a face", "face.png", "--edit", "an old face", "--views", "3", "--previews", "seen");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("views 6/6", output);
        Image row = Image.Load(Path.Combine(f.Folder, "face.png"));
        Assert.Equal((3 * 64, 2 * 64), (row.Width, row.Height));
        Assert.True(new FileInfo(Path.Combine(f.Folder, "face.gif")).Length > 0);
        Assert.Equal(6, Directory.GetFiles(Path.Combine(f.Folder, "seen")).Length);
    }

    [Fact]
    public async Task Words_that_say_nothing_are_one_line()
    {
        using CommandFolder f = new();

        (int code, _, string error) = await f.Run("run", _script, "--", "face.safetensors", "a face", "face.png", "--views", "many");

        Assert.Equal(1, code);
        Assert.Contains("--views is many; give a number of view points.", error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }
}
