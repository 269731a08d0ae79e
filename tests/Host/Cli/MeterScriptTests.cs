using System.Text.Json;
using Aperture.Images;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>scripts/meter.csx</c> on a recorded checkpoint of a few weights.</summary>
[Trait("Category", "Process")]
public sealed class MeterScriptTests
{
    private static readonly string _script = Repository.Path("scripts", "meter.csx");
    private static readonly string _checkpoint = Repository.Path("tests", "Golden", "data", "eas", "checkpoint-tiny-meter", "meter_eas_search.ckpt");

    [Fact]
    public async Task The_script_answers_and_ranks()
    {
        using CommandFolder f = Folder();

        (int code, string output, string error) = await f.Run(
            "run", _script, "--", _checkpoint, f.Folder, Path.Combine(f.Folder, "photo.png"), "a cat", "a bag", "--with", """{"Heads": 2, "VisionHeads": 2}""");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("vqa: ", output);
        Assert.Contains("  a cat  answer ", output);
    }

    [Theory]
    [InlineData("nowhere.ckpt", "{}", "There is no checkpoint 'nowhere.ckpt'; give the path of a weights file or folder.")]
    [InlineData(null, "[]", "--with []: this is no JSON object; write one such as {\"Skip\": [16, 13, 6]}.")]
    [InlineData(
        null, "{\"Heads\": 2, \"VisionHeads\": 2, \"Skip\": [40]}", "METER: there is no attention 40 to skip; with 6 layers they are numbered 0 to 23.")]
    public async Task What_is_wrong_is_one_line(string? checkpoint, string options, string expected)
    {
        using CommandFolder f = Folder();

        (int code, _, string error) = await f.Run(
            "run", _script, "--", checkpoint ?? _checkpoint, f.Folder, Path.Combine(f.Folder, "photo.png"), "a cat", "--with", options);

        Assert.Equal(1, code);
        Assert.Contains(expected, error);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
    }

    // A tokenizer of letters, small enough for the checkpoint's 31 tokens, and a picture.
    private static CommandFolder Folder()
    {
        string[] tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", .. Enumerable.Range('a', 26).Select(letter => ((char)letter).ToString())];
        CommandFolder f = new CommandFolder()
            .Write("vocab.json", JsonSerializer.Serialize(tokens.Index().ToDictionary(token => token.Item, token => token.Index)))
            .Write("merges.txt", "#version: 0.2\n");
        Image.Filled(20, 16, 200, 40, 40).SavePng(Path.Combine(f.Folder, "photo.png"));
        return f;
    }
}
