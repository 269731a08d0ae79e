using Aperture.Images;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>scripts/segment.csx</c> on recorded checkpoints of a few weights, one that reads sentences and one that takes points.</summary>
[Trait("Category", "Process")]
public sealed class SegmentScriptTests
{
    private const string Options = """{"DecoderHeads": 2, "TextHeads": 2}""";

    private static readonly string _script = Repository.Path("scripts", "segment.csx");

    [Fact]
    public async Task The_script_finds_what_sentences_name()
    {
        using CommandFolder f = Folder();
        string prefix = Path.Combine(f.Folder, "found"), options = Options[..^1] + $", \"Tokenizer\": \"{f.Folder}\"}}";

        (int code, string output, string error) = await f.Run(
            "run", _script, "--", Checkpoint("seg_best.pth"), Path.Combine(f.Folder, "photo.png"), "a cat", "a bag", "--out", prefix, "--with", options);

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("2 sentences on one picture:", output);
        Assert.Equal((20, 16), (Image.Load(prefix + "-2.png").Width, Image.Load(prefix + "-2.png").Height));
    }

    [Theory]
    [InlineData("--point", "5,5", null)]
    [InlineData("--point", "5", "'5' is not 2 numbers with commas between them.")]
    [InlineData("--point", "500,5", "The point (500, 5) is not in the picture of 20x16 pixels.")]
    public async Task The_script_takes_points(string option, string value, string? expected)
    {
        using CommandFolder f = Folder();

        (int code, string output, string error) = await f.Run(
            "run", _script, "--", Checkpoint("sam_vit_tiny.pth"), Path.Combine(f.Folder, "photo.png"), option, value, "--all", "--out",
            Path.Combine(f.Folder, "found"), "--with", """{"DecoderHeads": 2}""");

        Assert.Equal(expected is null ? 0 : 1, code);
        Assert.Contains(expected ?? "points and box", expected is null ? output : error);
    }

    private static string Checkpoint(string file) => Repository.Path("tests", "Golden", "data", "dit-sam", "checkpoint", file);

    private static CommandFolder Folder()
    {
        CommandFolder f = new CommandFolder().Write("vocab.txt", "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\ncat\nbag\n");
        Image.Filled(20, 16, 200, 40, 40).SavePng(Path.Combine(f.Folder, "photo.png"));
        return f;
    }
}
