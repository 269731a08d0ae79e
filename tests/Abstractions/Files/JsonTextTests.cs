using System.Text;
using System.Text.Json;
using Aperture.Abstractions.Tests.Weights;
using Aperture.Files;
using Aperture.Images;
using Aperture.Models;
using Aperture.Text;
using Aperture.Weights;

namespace Aperture.Abstractions.Tests.Files;

/// <summary>JSON of other people is opened in one place: what cannot be read as text, or says a thing twice, is refused in one line with its reason.</summary>
public sealed class JsonTextTests
{
    private static readonly (string Name, byte[] Bytes, string Reason)[] _bad =
    [
        ("empty", [], "it is empty"),
        ("blank", " \n\t"u8.ToArray(), "it is empty"),
        ("UTF-16", [0xff, 0xfe, .. Encoding.Unicode.GetBytes("{\"a\": 1}")], "UTF-16"),
        ("UTF-16 big-endian", [0xfe, 0xff, .. Encoding.BigEndianUnicode.GetBytes("{\"a\": 1}")], "UTF-16"),
        ("UTF-16 without a mark", Encoding.Unicode.GetBytes("{\"a\": 1}"), "UTF-16"),
        ("first half alone", "{\"a\":\n \"x\\ud83dy\"}"u8.ToArray(), "half of a surrogate pair in line 2, byte 4"),
        ("second half alone", "{\"a\": \"\\uDC00\"}"u8.ToArray(), "half of a surrogate pair"),
        ("half as a key", "{\"\\ud800\": 1}"u8.ToArray(), "half of a surrogate pair"),
        ("two first halves", "{\"a\": \"\\ud83d\\ud83d\"}"u8.ToArray(), "half of a surrogate pair"),
        ("bytes of Latin-1", [.. "{\"a\": \""u8, 0xe9, .. "\"}"u8], "bytes that are not UTF-8 in line 1, byte 8"),
        ("an encoded surrogate", [.. "{\"a\": \""u8, 0xed, 0xa0, 0x80, .. "\"}"u8], "not UTF-8"),
        ("a key twice", "{\"num_hidden_layers\": 8, \"num_hidden_layers\": 4}"u8.ToArray(), "the key 'num_hidden_layers' stands twice"),
        ("a key twice, once in escapes", "{\"ab\": 8, \"\\u0061b\": 4}"u8.ToArray(), "the key 'ab' stands twice"),
        ("a key twice, further in", "[{\"a\": {\"b\": 1, \"c\": 2, \"b\": 3}}]"u8.ToArray(), "the key 'b' stands twice"),
        ("cut off", "{\"a\": "u8.ToArray(), "line 1, byte 7"),
        ("two values", "{} {}"u8.ToArray(), "line 1, byte 4"),
    ];

    public static TheoryData<string> Bad => [.. _bad.Select(bad => bad.Name)];

    [Theory]
    [MemberData(nameof(Bad))]
    public void Bad_text_is_refused_with_its_reason_on_one_line(string name)
    {
        (_, byte[] bytes, string reason) = _bad.Single(bad => bad.Name == name);
        JsonException error = Assert.ThrowsAny<JsonException>(() => JsonText.Parse(bytes));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("\uFEFF{\"a\": \"b\"}", "b")]
    [InlineData("{\"a\": \"\\ud83d\\udc5f\"}", "👟")]
    [InlineData("{\"a\": \"\\\\ud83d\"}", "\\ud83d")]
    [InlineData("{\"a\": \"\\uD7FF\\uE000\"}", "\uD7FF\uE000")]
    [InlineData("{\"b\": {\"a\": 1}, \"a\": \"c\"}", "c")]
    public void Good_text_is_read(string json, string expected)
    {
        using JsonDocument document = JsonText.Parse(Encoding.UTF8.GetBytes(json));
        Assert.Equal(expected, document.RootElement.GetProperty("a").GetString());
    }

    [Fact]
    public void Half_a_pair_in_a_text_of_the_program_is_refused_too()
        => Assert.Contains("half of a surrogate pair", Assert.ThrowsAny<JsonException>(() => JsonText.Parse("{\"a\": \"\ud800\"}").Dispose()).Message);

    [Theory]
    [MemberData(nameof(Bad))]
    public void Every_reader_of_a_checkpoint_refuses_it_by_the_files_name(string name)
    {
        byte[] bytes = _bad.Single(bad => bad.Name == name).Bytes;
        using TemporaryFolder folder = new();
        string path = folder.Write("bad.json", bytes);
        Action[] readers =
        [
            () => ModelFolder.ReadJson(path),
            () => ClipImageProcessorConfig.Load(path),
            () => ShardedWeights.Open(path).Dispose(),
            () => CaptionFile.Read(path),
            () => Tokenizers.FromFolder(TokenizerFolder(folder, bytes)),
        ];
        foreach (Action read in readers)
        {
            string message = Assert.Throws<ApertureException>(read).Message;
            Assert.Contains(folder.Root, message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', message);
        }
    }

    [Fact]
    public void No_source_parses_JSON_of_files_anywhere_else()
    {
        string[] allowed = ["JsonText.cs", "MessageReader.cs", "NotebookFile.cs", "PromptTemplates.cs", "PackageAssets.cs", "OfficialRecipes.cs"];
        string root = Repository.Path();
        string[] found =
        [
            .. new[] { "abstractions", "host", "plugins" }
                .SelectMany(top => Directory.EnumerateFiles(Path.Combine(root, top), "*.cs", SearchOption.AllDirectories))
                .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !allowed.Contains(Path.GetFileName(file)))
                .Where(file => File.ReadLines(file).Any(ReadsForeign))
                .Select(file => Path.GetRelativePath(root, file)),
        ];
        Assert.Empty(found);
    }

    private static bool ReadsForeign(string line)
        => (line.Contains("JsonDocument.Parse(", StringComparison.Ordinal) || line.Contains("JsonSerializer.Deserialize(", StringComparison.Ordinal)
                || line.Contains("JsonNode.Parse(", StringComparison.Ordinal))
            && (line.Contains("File.", StringComparison.Ordinal) || line.Contains("stream", StringComparison.Ordinal)
                || line.Contains("(line", StringComparison.Ordinal) || line.Contains("(answer", StringComparison.Ordinal));

    private static string TokenizerFolder(TemporaryFolder folder, byte[] bytes)
    {
        string path = Directory.CreateDirectory(folder["tokenizer"]).FullName;
        File.WriteAllBytes(Path.Combine(path, "tokenizer.json"), bytes);
        return path;
    }
}
