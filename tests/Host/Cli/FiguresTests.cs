using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Cli;

/// <summary>Every table and every JSON of figures names element type, device, threads and processor.</summary>
[Trait("Category", "Process")]
public sealed class FiguresTests : IClassFixture<SmallLlava>
{
    private readonly SmallLlava _small;
    private readonly string _questions;

    public FiguresTests(SmallLlava small)
    {
        _small = small;
        _questions = Path.Combine(small.Root, "questions.jsonl");
        File.WriteAllText(_questions, JsonSerializer.Serialize(new { image = small.Picture, question = "abc?", answer = "a" }) + "\n");
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        On = MeasuredOn.Of(ops);
    }

    private MeasuredOn On { get; }

    [Fact]
    public async Task A_comparison()
    {
        string[] command = ["bench", _small.Folder, _small.Picture, "abc?", "--with", "random:Tokens=4", "--runs", "1", "--max-new-tokens", "1"];

        string usual = await Output(command), wide = await Output([.. command, "--wide"]);
        Assert.Contains($"small, {On}; times are medians in ms", usual, StringComparison.Ordinal);
        Assert.DoesNotContain("method hooks", usual, StringComparison.Ordinal);
        Assert.Contains("method hooks", wide, StringComparison.Ordinal);
        HasFacts(JsonDocument.Parse(await Output([.. command, "--json"])).RootElement);
    }

    [Fact]
    public async Task A_comparison_without_methods_shows_the_baselines_at_their_default_settings()
    {
        string json = await Output(["bench", _small.Folder, _small.Picture, "abc?", "--runs", "1", "--max-new-tokens", "1", "--json"]);

        JsonElement[] rows = [.. JsonDocument.Parse(json).RootElement.GetProperty("rows").EnumerateArray()];
        Assert.Equal(["none", "random", "pooling", "downsample"], rows.Select(row => row.GetProperty("pipeline").GetString()));
    }

    [Fact]
    public async Task An_evaluation()
    {
        string[] command = ["eval", _small.Folder, _questions, "--blind"];

        Assert.EndsWith($"\nsmall, {On}; times are medians in ms\n", await Output(command), StringComparison.Ordinal);
        JsonElement[] pipelines = [.. JsonDocument.Parse(await Output([.. command, "--json"])).RootElement.EnumerateArray()];
        Assert.Equal(["none", "none, blind"], pipelines.Select(pipeline => pipeline.GetProperty("pipeline").GetString()));
        Assert.All(pipelines, HasFacts);
    }

    [Fact]
    public async Task An_analysis()
    {
        string[] command = ["analyze", _small.Folder, _questions, "--sweep-layers", "none"];

        Assert.Contains($"\nsmall, {On}; 1 question(s)\n", await Output(command), StringComparison.Ordinal);
        HasFacts(JsonDocument.Parse(await Output([.. command, "--json"])).RootElement);
    }

    [Fact]
    public async Task The_cost_of_a_question()
    {
        using CommandFolder folder = new();

        (int code, _, string error) = await folder.Run(
            "ask", _small.Folder, _small.Picture, "abc?", "--max-new-tokens", "1", "--dtype", "float32", "--threads", "1");

        Assert.Equal(0, code);
        Assert.EndsWith($" KB; {On}; cold: a first question includes warm-up\n", error, StringComparison.Ordinal);
    }

    private static async Task<string> Output(string[] command)
    {
        using CommandFolder folder = new();
        (int code, string output, string error) = await folder.Run([.. command, "--dtype", "float32", "--threads", "1"]);
        Assert.True(code == 0, error);
        return output;
    }

    private void HasFacts(JsonElement figures)
        => Assert.Equal(On, new MeasuredOn(
            Enum.Parse<ScalarType>(figures.GetProperty("type").GetString()!),
            figures.GetProperty("device").GetString()!,
            figures.GetProperty("threads").GetInt32(),
            figures.GetProperty("processor").GetString()!));
}
