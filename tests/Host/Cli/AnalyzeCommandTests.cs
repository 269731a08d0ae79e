using System.Text.Json;
using Aperture.Images;

namespace Aperture.Host.Tests.Cli;

/// <summary>The analysis that the plugin DyVte adds, run to its end on the shipped small model.</summary>
[Trait("Category", "Process")]
public sealed class AnalyzeCommandTests : IDisposable
{
    private static readonly string _questions = Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl");

    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Tables_files_and_plots_are_written()
    {
        (int code, string output, string error) = await _folder.Run(
            "analyze", "tiny-llava", _questions, "--samples", "3", "--output", "report", "--with", "random:Tokens=9", "--dtype", "float32", "--threads", "1");

        Assert.Equal((0, ""), (code, error));
        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(8, lines.Count(line => line.StartsWith("    ", StringComparison.Ordinal) && char.IsDigit(line[4])));
        Assert.Contains(lines, line => line.StartsWith("tiny-llava, Float32 on cpu, 1 thread(s), ") && line.EndsWith("; 3 question(s)"));
        Assert.Contains(lines, line => line.StartsWith("random(Tokens=9): ") && line.Contains(" of 8 layers run image tokens, "));
        string[] written = [.. lines.Where(line => line.StartsWith("wrote ", StringComparison.Ordinal)).Select(line => line[6..])];
        Assert.Equal(
            ["analysis.json", "attention.png", "entropy.png", "exits.csv", "exits.png", "metrics.csv", "pipelines.png", "samples.csv", "updates.png"],
            written.Select(Path.GetFileName).Order(StringComparer.Ordinal));
        Assert.Equal(written.Order(), Directory.GetFiles(Path.Combine(_folder.Folder, "report")).Order());
        Assert.All(written.Where(file => file.EndsWith(".png", StringComparison.Ordinal)), file => Assert.Equal(900, Image.Load(file).Width));
    }

    [Fact]
    public async Task Json_stands_alone_on_standard_output()
    {
        (int code, string output, string error) = await _folder.Run(
            "analyze", "tiny-llava", _questions, "--samples", "2", "--sweep-layers", "0,6-7", "--exit", "3", "--json");

        Assert.Equal((0, ""), (code, error));
        using JsonDocument json = JsonDocument.Parse(output);
        JsonElement root = json.RootElement;
        Assert.Equal((2, 3), (root.GetProperty("samples").GetInt32(), root.GetProperty("stages").GetProperty("comparedExit").GetInt32()));
        Assert.Equal([0, 6, 7], root.GetProperty("exits").GetProperty("layers").EnumerateArray().Select(layer => layer.GetInt32()));
    }

    [Theory]
    [InlineData("none.jsonl", "tiny-llava", "none.jsonl")]
    [InlineData("nowhere", "nowhere/at-all", null)]
    [InlineData("layers 0 to 7", "tiny-llava", null, "--exit", "8")]
    [InlineData("give mean or max", "tiny-llava", null, "--head-reduce", "median")]
    [InlineData("nosuch", "tiny-llava", null, "--with", "nosuch")]
    public async Task What_is_wrong_is_one_line(string told, string model, string? questions, params string[] options)
    {
        (int code, string output, string error) = await _folder.Run(["analyze", model, questions ?? _questions, .. options]);

        Assert.Equal((1, ""), (code, output));
        Assert.StartsWith("error: ", error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd('\n').Split('\n'));
        Assert.Contains(told, error, StringComparison.Ordinal);
    }
}
