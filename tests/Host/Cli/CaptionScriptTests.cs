using System.Text;
using System.Text.Json;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>scripts/caption.csx</c> on a recorded checkpoint of a few weights.</summary>
[Trait("Category", "Process")]
public sealed class CaptionScriptTests
{
    private static readonly string _script = Repository.Path("scripts", "caption.csx");
    private static readonly string _checkpoint = Repository.Path("tests", "Golden", "data", "dtnet", "checkpoint", "DTNet_last.pth");

    [Fact]
    public async Task The_script_captions_and_shows_paths()
    {
        using CommandFolder f = Folder(channels: 24);
        string options = JsonSerializer.Serialize(
            new { Vocabulary = Path.Combine(f.Folder, "words.json"), Features = Path.Combine(f.Folder, "grids"), LongestCaption = 6 });

        (int code, string output, string error) = await f.Run("run", _script, "--", _checkpoint, options, "7", "--paths", "paths");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("7: ", output);
        Assert.Contains("of 5 cells)", output);
        Assert.True(File.Exists(Path.Combine(f.Folder, "paths", "0.png")));
        using JsonDocument paths = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(f.Folder, "paths", "paths.json")));
        Assert.InRange(paths.RootElement.GetProperty("pictures")[0].GetProperty("count").GetInt32(), 2, 5);
    }

    [Fact]
    public async Task Features_of_another_width_are_one_line()
    {
        using CommandFolder f = Folder(channels: 20);
        string options = JsonSerializer.Serialize(new { Vocabulary = Path.Combine(f.Folder, "words.json"), Features = Path.Combine(f.Folder, "grids") });

        (int code, _, string error) = await f.Run("run", _script, "--", _checkpoint, options, "7");

        Assert.Equal(1, code);
        Assert.Contains("features of 20 channels of picture '7'; this checkpoint takes 24.", error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    // Thirteen words, and one picture's features in numpy's format.
    private static CommandFolder Folder(int channels)
    {
        string[] words = ["<unk>", "<pad>", "<bos>", "<eos>", .. Enumerable.Range(0, 9).Select(word => $"w{word}")];
        CommandFolder f = new CommandFolder().Write("words.json", JsonSerializer.Serialize(words));
        Directory.CreateDirectory(Path.Combine(f.Folder, "grids"));
        byte[] header = Encoding.ASCII.GetBytes($"{{'descr': '<f4', 'fortran_order': False, 'shape': (49, {channels}), }}");
        byte[] values = [.. Enumerable.Range(0, 49 * channels).SelectMany(place => BitConverter.GetBytes(place % 7 / 3f))];
        File.WriteAllBytes(Path.Combine(f.Folder, "grids", "7.npy"), [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. header, .. values]);
        return f;
    }
}
