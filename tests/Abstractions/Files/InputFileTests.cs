using Aperture.Abstractions.Tests.Weights;
using Aperture.Files;
using Aperture.Images;
using Aperture.Models;
using Aperture.Tests;
using Aperture.Text;

namespace Aperture.Abstractions.Tests.Files;

/// <summary>Every reader of files takes regular files alone, and says of what Git left in a file's place what it is.</summary>
public sealed class InputFileTests
{
    private static readonly Dictionary<string, Action<string>> _readers = new()
    {
        ["config.json"] = path => new ModelFolder(Path.GetDirectoryName(path)!).Json("config.json"),
        ["preprocessor_config.json"] = path => ClipImageProcessorConfig.Load(path),
        ["chat_template.jinja"] = path => ChatTemplateFiles.Find(new ModelFolder(Path.GetDirectoryName(path)!)),
        ["tokenizer.json"] = path => Tokenizers.FromFolder(Path.GetDirectoryName(path)!),
        ["tokenizer.model"] = path => Tokenizers.FromFolder(Path.GetDirectoryName(path)!),
        ["vocab.json"] = path => Tokenizers.FromFolder(Path.GetDirectoryName(path)!),
        ["questions.jsonl"] = path => JsonLines.Read(path).ToArray(),
        ["features.npy"] = path => NumpyFile.Read(path),
        ["features.npz"] = path => NumpyFile.ReadArchive(path),
        ["picture.png"] = path => Image.Load(path),
        ["list.txt"] = path => InputFile.Lines(path, 1 << 20),
    };

    public static TheoryData<string> Names => [.. _readers.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_pointer_that_Git_left_is_called_one_whatever_it_stands_for(string name)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2798760\n"u8.ToArray());
        folder.Write("merges.txt", []);

        string message = Assert.Throws<ApertureException>(() => _readers[name](path)).Message;

        Assert.Equal(
            $"'{path}' is a Git LFS pointer, not the file itself of 2798760 bytes; fetch it with 'git lfs pull', or the model with 'aperture pull'.", message);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void A_pipe_is_not_waited_for(string name)
    {
        using TemporaryFolder folder = new();
        NamedPipe.Make(folder[name]);
        folder.Write("merges.txt", []);

        string message = Assert.Throws<ApertureException>(() => _readers[name](folder[name])).Message;

        Assert.Contains("it is a pipe, not a file", message, StringComparison.Ordinal);
        Assert.Contains(folder[name], message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", new string[0])]
    [InlineData("\uFEFFa\r\nb", new[] { "a", "b" })]
    [InlineData("a\n\n", new[] { "a", "" })]
    public void Lines_are_those_of_the_text(string text, string[] lines)
    {
        using TemporaryFolder folder = new();

        Assert.Equal(lines, InputFile.Lines(folder.Write("a.txt", System.Text.Encoding.UTF8.GetBytes(text)), 1 << 20));
    }

    [Fact]
    public void A_text_that_is_no_UTF8_is_refused()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("a.txt", [(byte)'a', 0xff]);

        Assert.Equal(
            $"{path} is not UTF-8 text (byte 2); save it as UTF-8, or fetch it again.",
            Assert.Throws<ApertureException>(() => InputFile.Text(path, 1 << 20)).Message);
    }
}
