using System.CommandLine;
using System.Text.Json;
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Host.Commands;
using Aperture.Host.Tests.Plugins;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Host.Tests.Cli;

/// <summary>
/// <c>bench --shape</c>: its rows, on shapes of a few weights where something is measured. A whole model's peak of memory is that of the process.
/// </summary>
[Collection(WholeProcess.Name)]
public sealed class ShapeBenchTests
{
    public static TheoryData<string> Shapes => [.. ModelShape.All.Select(shape => shape.Name)];

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task The_methods_of_every_row_work_together(string name)
    {
        await using PluginHost plugins = new(PluginCatalog.Read());
        ModelShape shape = ModelShape.Find(name);
        ShapeMethods methods = new(shape, plugins, TextWriter.Null);

        int[] built = [.. methods.Rows.Select(row => methods.With(row, table => table.Methods.Count))];

        Assert.Equal(methods.Rows.Select(row => row.Methods.Count), built);
        Assert.Equal(
            methods.Rows.Select(row => row.Name),
            ShapeRows.Pick(shape, methods.Rows, []).Except([ShapeRows.Decode, ShapeRows.Prefill, ShapeRows.Unpruned]));
        Assert.Equal(shape.Vision is null, methods.Rows.Any(row => row.Name == ShapeRows.Mixture && row.Methods.Count == methods.Rows.Count - 1));
    }

    [Fact]
    public async Task A_plugin_that_does_not_load_is_told_and_the_others_have_their_rows()
    {
        using CommandFolder folder = new();
        string broken = Directory.CreateDirectory(Path.Combine(folder.Folder, "Broken")).FullName;
        await using PluginHost plugins = new(new PluginCatalog([.. PluginCatalog.Read().Entries, new PluginEntry("broken", broken)]));
        StringWriter notices = new();

        ShapeMethods methods = new(Shape(8), plugins, notices);

        Assert.StartsWith("Plugin 'broken'", notices.ToString(), StringComparison.Ordinal);
        Assert.Equal(["fitprune", "dyvte", "eas", "gamma-mod", "mixture"], methods.Rows.Select(row => row.Name));
    }

    [Fact]
    public async Task Methods_are_given_back_when_their_row_is_cancelled()
    {
        await using PluginHost plugins = new(PluginCatalog.Read());
        ShapeMethods methods = new(Shape(8), plugins, TextWriter.Null);
        ShapeRow mixture = methods.Rows.Single(row => row.Name == ShapeRows.Mixture);

        Assert.Throws<OperationCanceledException>(() => methods.With<int>(mixture, _ => throw new OperationCanceledException()));

        Assert.Equal(4, mixture.Methods.Count);
        Assert.All(plugins.Plugins, plugin => Assert.True(plugin.Loaded));
        Assert.All(plugins.Plugins, plugin => Assert.Equal(0, plugin.Leases));
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task Each_row_is_a_line_under_what_it_was_measured_on()
    {
        (string output, string error) = await Run(Shape(8), new ShapeBenchOptions(Float32, 1, ["prefill", "MIXTURE", "eas"], Json: false, null));

        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal($"shape, {On}, prompt of 640 rows", lines[0]);
        Assert.Equal(["prefill", "eas", "mixture"], lines[1..].Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[0]));
        Assert.EndsWith(" (at most 1.02)", lines[1], StringComparison.Ordinal);
        Assert.EndsWith("   fitprune + dyvte + eas + gamma-mod", lines[3], StringComparison.Ordinal);
        Assert.Equal(4, error.TrimEnd('\n').Split('\n').Length);
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task Json_is_one_document_with_the_rows_that_were_picked()
    {
        (string output, _) = await Run(Shape(8), new ShapeBenchOptions(Float32, 1, ["Prefill", "fitprune", "gamma-mod"], Json: true, null));

        JsonElement figures = Assert.Single(JsonDocument.Parse(output).RootElement.EnumerateArray());
        Assert.Equal(
            ["shape", "type", "device", "threads", "processor", "promptRows", "prefillMs", "straightLineMs", "prefillRatio", "methods"],
            figures.EnumerateObject().Select(property => property.Name));
        Assert.Equal(("Float32", "cpu", On.Threads, On.Processor), (
            figures.GetProperty("type").GetString(), figures.GetProperty("device").GetString(), figures.GetProperty("threads").GetInt32(),
            figures.GetProperty("processor").GetString()));
        Assert.Equal(["fitprune", "gamma-mod"], figures.GetProperty("methods").EnumerateArray().Select(row => row.GetProperty("row").GetString()));
        Assert.All(figures.GetProperty("methods").EnumerateArray(), row => Assert.InRange(row.GetProperty("flopsRatio").GetDouble(), 0.2, 1.2));
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task A_whole_model_is_asked_un_pruned_and_through_methods_that_need_no_weights()
    {
        using CommandFolder folder = new();
        ModelShape whole = Shape(8) with
        {
            Vision = new VisionTransformerConfig { HiddenSize = 16, IntermediateSize = 32, Layers = 3, Heads = 2, ImageSize = 336, PatchSize = 14 },
        };

        (string output, _) = await Run(whole, new ShapeBenchOptions(new ModelOptions(), 1, [], Json: false, folder.Folder));
        (string json, _) = await Run(whole, new ShapeBenchOptions(new ModelOptions(), 1, ["FitPrune"], Json: true, folder.Folder));
        (string profile, _) = await Run(
            whole, new ShapeBenchOptions(new ModelOptions(), 1, [], Json: false, folder.Folder) { ProfiledTokens = 2 });

        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(
            ["shape, stored BFloat16, computed in", "  opened in", "  un-pruned", "  fitprune 60 %", "  dyvte, exit half-way", "  peak memory"],
            lines.Select((line, i) => i == 0 ? line[..35] : line[..22].TrimEnd()));
        Assert.EndsWith($" on cpu, {On.Threads} thread(s), {On.Processor}", lines[0], StringComparison.Ordinal);
        Assert.Contains("\nfirst  picture preparation ", profile, StringComparison.Ordinal);
        JsonElement figures = JsonDocument.Parse(json).RootElement;
        Assert.Equal(
            ["shape", "stored", "type", "device", "threads", "processor", "loadSeconds", "rows", "peakBytes", "peakLimitBytes"],
            figures.EnumerateObject().Select(property => property.Name));
        JsonElement row = Assert.Single(figures.GetProperty("rows").EnumerateArray());
        Assert.Equal(["row", "methods", "prefillMs", "decodeMs", "cacheBytes"], row.EnumerateObject().Select(property => property.Name));
        Assert.Equal(("fitprune", "fitprune 60 %"), (row.GetProperty("row").GetString(), row.GetProperty("methods").GetString()));
    }

    [Fact]
    public async Task A_profile_is_a_table_a_type_with_stages_that_add_up_to_all()
    {
        (string output, _) = await Run(Shape(2), new ShapeBenchOptions(Float32, 1, [], Json: false, null) { ProfiledTokens = 3 });
        (string json, _) = await Run(Shape(2), new ShapeBenchOptions(new ModelOptions(), 1, [], Json: true, null) { ProfiledTokens = 3 });

        string[] lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal("random weights, no picture", lines[0]);
        Assert.Equal(["token", "stage", "calls", "ms", "share", "rate"], lines[1].Split(' ', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(2, lines.Count(line => line.Contains(" all ", StringComparison.Ordinal) && line.Contains("100.0 %", StringComparison.Ordinal)));
        Assert.Single(lines, line => line.StartsWith("first  norms", StringComparison.Ordinal));
        Assert.Single(lines, line => line.StartsWith("later  embedding rows", StringComparison.Ordinal));
        Assert.Equal($"shape, none, {On}", lines[^1]);
        JsonElement[] profiles = [.. JsonDocument.Parse(json).RootElement.EnumerateArray()];
        Assert.Equal(["BFloat16", "Float32"], profiles.Select(profile => profile.GetProperty("type").GetString()));
        Assert.All(profiles, profile => Assert.Equal(640, profile.GetProperty("promptRows").GetInt32()));
        Assert.All(profiles.SelectMany(profile => (JsonElement[])[profile.GetProperty("first"), profile.GetProperty("later")]), pass => Assert.Equal(
            pass.GetProperty("milliseconds").GetDouble(),
            pass.GetProperty("restMilliseconds").GetDouble()
                + pass.GetProperty("stages").EnumerateArray().Sum(stage => stage.GetProperty("milliseconds").GetDouble()),
            6));
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task A_profile_takes_one_question_and_two_tokens()
    {
        using CommandFolder folder = new();
        async Task<string> Refusal(params string[] arguments)
        {
            (int code, string output, string error) = await folder.Run(["bench", "--profile", .. arguments]);
            Assert.Equal((1, ""), (code, output));
            return error;
        }

        Assert.Equal("error: --profile tells one question by stage and takes no --batch; leave one of them out.\n", await Refusal("--batch", "2"));
        Assert.Equal("error: --profile tells one question by stage and takes no --wide; leave one of them out.\n", await Refusal("--wide"));
        Assert.Equal(
            "error: --profile tells one question by stage and takes no --only prefill; leave one of them out.\n",
            await Refusal("--shape", "llama-1.1b", "--only", "prefill"));
        Assert.Equal(
            "error: --profile tells a first and a later token by stage; give --max-new-tokens 2 or more.\n",
            await Refusal("--shape", "llama-1.1b", "--max-new-tokens", "1"));
        Assert.Equal("error: The number of timed runs is 0 but must be 1 to 1000.\n", await Refusal("--shape", "llama-1.1b", "--runs", "0"));
    }

    [Fact]
    public async Task Methods_that_do_not_fit_the_shape_are_refused_before_weights_are_made()
    {
        StringWriter error = new();

        ShapeBenchOptions options = new(Float32, 1, ["dyvte"], Json: false, null);

        ApertureException refused = await Assert.ThrowsAsync<ApertureException>(() => Run(Shape(1), options, error));

        Assert.Equal("--only dyvte: shape has no such row; give decode, prefill or fitprune.", refused.Message);
        Assert.Equal("", error.ToString());
    }

    [Theory]
    [Trait("Category", "Process")]
    [InlineData("llama-1.1b", "decode, prefill, fitprune, dyvte, eas, gamma-mod or mixture")]
    [InlineData("llava-1.5-7b", "un-pruned, fitprune or dyvte")]
    public async Task An_unknown_row_is_refused_with_the_rows_there_are(string shape, string rows)
    {
        using CommandFolder folder = new();

        Assert.Equal(
            (1, "", $"error: --only nosuch: {shape} has no such row; give {rows}.\n"),
            await folder.Run("bench", "--shape", shape, "--only", "fitprune", "--only", "nosuch"));
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task Rows_without_a_shape_and_a_wide_table_with_one_are_refused()
    {
        using CommandFolder folder = new();

        (int code, string output, string error) = await folder.Run("bench", "--only", "prefill");

        Assert.Equal(
            (1, "", "error: --only prefill: rows can be picked with --shape alone; pipelines to compare are named with --with.\n"), (code, output, error));
        Assert.Equal(
            (1, "", "error: --wide: the figures of --shape llama-1.1b are no table; leave --wide out, or use --json.\n"),
            await folder.Run("bench", "--shape", "llama-1.1b", "--wide"));
        Assert.Equal(
            (1, "", "error: --batch: --shape llama-1.1b runs one sequence; leave --batch out, or measure a model.\n"),
            await folder.Run("bench", "--shape", "llama-1.1b", "--batch", "2"));
        Assert.Equal(
            (1, "", "error: --later: --shape llama-1.1b asks nothing; leave --later out, or measure a model.\n"),
            await folder.Run("bench", "--shape", "llama-1.1b", "--later", "and?"));
        Assert.Equal(
            (1, "", "error: --later: it has a table of its own; leave --batch, --profile and --wide out.\n"),
            await folder.Run("bench", "--later", "and?", "--batch", "2"));
    }

    private static ModelOptions Float32 => new() { Type = "float32" };

    private static MeasuredOn On
    {
        get
        {
            using Ops ops = new(CPU, ScalarType.Float32);
            return MeasuredOn.Of(ops);
        }
    }

    private static ModelShape Shape(int layers) => new(
        "shape",
        new DecoderSpec
        {
            HiddenSize = 32,
            IntermediateSize = 48,
            Layers = layers,
            Heads = 4,
            KeyValueHeads = 2,
            HeadSize = 8,
            VocabularySize = 64,
            NormEpsilon = 1e-5,
            MaxPositions = 1024,
            Rotary = new RotaryConfig { Dimensions = 8, MaxPositions = 1024 },
        },
        null);

    private static async Task<(string Output, string Error)> Run(ModelShape shape, ShapeBenchOptions options, StringWriter? error = null)
    {
        StringWriter output = new();
        error ??= new StringWriter();
        using CtrlC ctrlC = new();
        CommandContext context = new(new Terminal(output, error), new ComputeOptions(), new PluginSources(), ctrlC);
        ParseResult parsed = CommandLine.Create(context).Parse(["bench", "--device", "cpu"]);
        Assert.Equal(0, await ShapeBench.RunAsync(context, parsed, shape, options, CancellationToken.None));
        return (output.ToString(), error.ToString());
    }
}
