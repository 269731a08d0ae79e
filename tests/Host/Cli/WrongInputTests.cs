using System.Buffers.Binary;
using Aperture.Tasks;

namespace Aperture.Host.Tests.Cli;

/// <summary>What users get wrong: one line on standard error that names it, exit code 1, nothing on standard output, nothing half-written.</summary>
[Trait("Category", "Process")]
public sealed class WrongInputTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public Task A_missing_weight_file() => Refused(model => File.Delete(Shard(model, 2)), "model-00002-of-00003.safetensors");

    [Fact]
    public Task A_truncated_weight_file() => Refused(model =>
    {
        using FileStream file = File.OpenWrite(Shard(model, 1));
        file.SetLength(file.Length / 2);
    }, "model-00001-of-00003.safetensors");

    [Fact]
    public Task Weights_of_another_shape() => Refused(
        model => Edit(model, "\"hidden_size\": 32", "\"hidden_size\": 40"), "asks for [40, ");

    [Fact]
    public Task A_configuration_that_is_no_json()
        => Refused(model => File.WriteAllText(Path.Combine(model, "config.json"), "{ \"model_type\": "), "config.json");

    [Fact]
    public Task A_model_without_images() => Refused(
        model
            => File.WriteAllText(Path.Combine(model, "config.json"), "{ \"model_type\": \"llama\", \"hidden_size\": 32 }"),
            "holds a llama, which no model family recognises; there are llava");

    [Fact]
    public Task A_model_that_is_nowhere() => Failed("nowhere", ["ask", "nowhere/at-all", small.Picture, "abc?"]);

    [Fact]
    public Task An_unknown_method() => Failed("nosuch", ["ask", small.Folder, small.Picture, "abc?", "--with", "nosuch"]);

    [Fact]
    public Task An_unknown_option() => Failed("Redution", ["ask", small.Folder, small.Picture, "abc?", "--with", "fitprune:Redution=0.6"]);

    [Fact]
    public Task An_option_out_of_range() => Failed("Reduction", ["ask", small.Folder, small.Picture, "abc?", "--with", "fitprune:Reduction=3"]);

    [Fact]
    public Task A_temperature_out_of_range() => Failed("emperature", ["ask", small.Folder, small.Picture, "abc?", "--temperature", "-1"]);

    [Fact]
    public Task A_file_that_is_no_image() => Failed("text.png", ["ask", small.Folder, Made("text.png", "not an image"u8.ToArray()), "abc?"]);

    [Fact]
    public Task An_empty_image() => Failed("empty.png", ["ask", small.Folder, Made("empty.png", []), "abc?"]);

    [Fact]
    public Task An_image_of_30_000_by_30_000() => Failed("30000", ["ask", small.Folder, Made("huge.png", PngHeader(30000, 30000)), "abc?"]);

    [Fact]
    public Task An_empty_question() => Failed("question", ["ask", small.Folder, small.Picture, " "]);

    [Fact]
    public Task A_missing_question_file() => Failed("none.jsonl", ["eval", small.Folder, "none.jsonl"]);

    [Fact]
    public async Task A_script_with_an_exception()
    {
        using CommandFolder folder = new CommandFolder().Write("bad.csx", "int a = 1;\nthrow new System.InvalidOperationException(\"broken on purpose\");\n");

        (int code, string output, string error) = await folder.Run("run", "bad.csx");

        Assert.Equal(1, code);
        Assert.Equal("", output);
        Assert.Contains("broken on purpose", error, StringComparison.Ordinal);
        Assert.Contains("bad.csx", error, StringComparison.Ordinal);
        Assert.Contains("2", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_map_that_cannot_be_written_leaves_nothing()
    {
        using CommandFolder folder = new();
        string target = Path.Combine(folder.Folder, "missing", "map.png");

        (int code, _, string error) = await folder.Run("ask", small.Folder, small.Picture, "abc?", "--max-new-tokens", "1", "--token-map", target);

        Assert.Equal(1, code);
        Assert.Contains("map.png", error, StringComparison.Ordinal);
        Assert.All(Directory.EnumerateFileSystemEntries(folder.Folder), entry => Assert.Equal("cache", Path.GetFileName(entry)));
    }

    private static string Shard(string model, int number) => Path.Combine(model, $"model-{number:00000}-of-00003.safetensors");

    private static void Edit(string model, string what, string with)
    {
        string config = Path.Combine(model, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace(what, with, StringComparison.Ordinal));
    }

    private async Task Refused(Action<string> damage, string named)
    {
        string copy = Path.Combine(small.Root, Path.GetRandomFileName());
        Directory.CreateDirectory(copy);
        foreach (string file in Directory.GetFiles(small.Folder))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        damage(copy);
        await Failed(named, ["ask", copy, small.Picture, "abc?"]);
    }

    private static async Task Failed(string named, string[] arguments)
    {
        using CommandFolder folder = new();

        (int code, string output, string error) = await folder.Run(arguments);

        Assert.Equal(1, code);
        Assert.Equal("", output);
        Assert.Contains(named, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }

    private string Made(string name, byte[] content)
    {
        string path = Path.Combine(small.Root, name);
        File.WriteAllBytes(path, content);
        return path;
    }

    // A whole PNG, chunk by chunk, whose header promises a picture of this size.
    private static byte[] PngHeader(int width, int height)
    {
        byte[] size = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(size, width);
        BinaryPrimitives.WriteInt32BigEndian(size.AsSpan(4), height);
        (size[8], size[9]) = (8, 2);
        return [0x89, .. "PNG\r\n\x1a\n"u8, .. Chunk("IHDR"u8, size), .. Chunk("IDAT"u8, [0x78, 0x9c, 0x03, 0, 0, 0, 0, 1]), .. Chunk("IEND"u8, [])];
    }

    private static byte[] Chunk(ReadOnlySpan<byte> type, byte[] data)
    {
        byte[] chunk = [0, 0, 0, 0, .. type, .. data, 0, 0, 0, 0];
        BinaryPrimitives.WriteInt32BigEndian(chunk, data.Length);
        BinaryPrimitives.WriteUInt32BigEndian(chunk.AsSpan(chunk.Length - 4), Crc(chunk.AsSpan(4, 4 + data.Length)));
        return chunk;
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0xedb88320 : crc >> 1;
            }
        }

        return ~crc;
    }
}
