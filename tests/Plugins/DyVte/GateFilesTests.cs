using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Gates in published checkpoints and in files of their own.</summary>
public sealed class GateFilesTests : IDisposable
{
    private const int Hidden = 2048;
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-gates-").FullName;

    // config.json of the recorded checkpoint: 3 layers of width 16.
    private static readonly DecoderInfo _recorded = Info(layers: 3, width: 16);

    private static string Checkpoint => Path.Combine(AppContext.BaseDirectory, "checkpoint");

    [Fact]
    public void A_published_checkpoint_brings_its_gates()
    {
        using GateSet gates = GateFiles.Open(new DyVteOptions(), _recorded, new FactoryFiles(Checkpoint));
        using Tensor features = ones(2, 32);
        for (int layer = 0; layer < 3; layer++)
        {
            using Tensor logits = gates.Logits(layer, features);
            Assert.Equal([2, 2], logits.shape);
            Assert.Equal(Hidden * (32 + 2), gates.Macs(layer));
        }
    }

    [Fact]
    public void Recorded_and_fresh_gates_fill_the_same_range()
    {
        using IWeightSource source = WeightFiles.Open(Checkpoint);
        using GateTensors fresh = new(GateInitialisation.Create(3, 32, Hidden, 42));
        for (int layer = 0; layer < 3; layer++)
        {
            foreach ((string name, double bound) in new[]
            {
                (GateKeys.First(GateKeys.Published, layer), GateInitialisation.Bound(Hidden, 32)),
                (GateKeys.Second(GateKeys.Published, layer), GateInitialisation.Bound(2, Hidden)),
            })
            {
                Assert.Equal(source.Describe(name).Shape, fresh.Describe(name).Shape);
                Assert.InRange(Largest(source, name) / bound, 0.999, 1.001);
                Assert.InRange(Largest(fresh, name) / bound, 0.999, 1.00001);
                Assert.InRange(Deviation(fresh, name) * Math.Sqrt(3) / bound, 0.98, 1.02);
            }
        }
    }

    [Fact]
    public void A_gate_wider_than_any_is_refused_by_its_width()
    {
        int width = DyVteOptions.LargestGateHidden + 1;
        Dictionary<string, Tensor> gates = new()
        {
            [GateKeys.First(GateKeys.Published, 0)] = zeros(width, 2),
            [GateKeys.Second(GateKeys.Published, 0)] = zeros(2, width),
        };
        using GateTensors source = new(gates);
        GateKeys keys = GateKeys.Find(source)!;

        string message = Assert.Throws<ApertureException>(
            () => GateShapes.Check(source, keys, "gates.pth", Info(layers: 1, width: 1), GateInputs.Text)).Message;

        Assert.Contains($"is {width} wide", message);
    }

    [Fact]
    public void A_gates_file_says_what_it_belongs_to_and_gives_the_same_logits()
    {
        Dictionary<string, Tensor> gates = GateInitialisation.Create(3, 32, 8, 1);
        string path = Path.Combine(_folder, GateFiles.Beside);
        GateFiles.Write(path, gates, _recorded, 8, GateInputs.Text);
        using GateSet written = GateFiles.Open(new DyVteOptions(), _recorded, new FactoryFiles(_folder));
        using GateSet memory = new(new GateTensors(gates), GateKeys.Published, 32);
        using Tensor features = randn(3, 32);
        using Tensor expected = memory.Logits(1, features), actual = written.Logits(1, features);
        using SafetensorsFile file = SafetensorsFile.Open(path);

        Assert.Equal(expected.data<float>().ToArray(), actual.data<float>().ToArray());
        Assert.Equal("dyvte", file.Metadata["method"]);
        Assert.Equal(
            ("3", "16", "8", "text_mean+text_last"), (file.Metadata["layers"], file.Metadata["hidden"], file.Metadata["gateHidden"], file.Metadata["input"]));
        Assert.Empty(Directory.GetFiles(Path.GetDirectoryName(path)!, "*.tmp"));
    }

    [Fact]
    public void Gates_of_another_checkpoint_with_equal_sizes_can_be_named()
    {
        using GateSet gates = GateFiles.Open(new DyVteOptions { Gates = Checkpoint }, _recorded, new FactoryFiles(_folder));

        Assert.Equal(32, gates.Inputs);
    }

    [Fact]
    public void Gates_for_another_number_of_layers_are_refused()
        => AssertRefused(Info(layers: 4, width: 16), new DyVteOptions(), "has gates for 3 layers (up to layer 2), but small has 4 layers");

    [Fact]
    public void Gates_for_another_width_are_refused()
        => AssertRefused(Info(layers: 3, width: 24), new DyVteOptions(), "reads 32 values, but with GateInput text small gives 48 (twice its hidden width 24)");

    [Fact]
    public void Gates_for_another_input_are_refused()
        => AssertRefused(
            _recorded, new DyVteOptions { GateInput = "attention" },
            "reads 32 values, but with GateInput attention small gives 60 (three times its visual tokens)");

    [Fact]
    public void A_gates_file_trained_on_another_text_is_refused_though_its_width_fits()
    {
        Dictionary<string, Tensor> gates = GateInitialisation.Create(3, 32, 8, 1);
        GateFiles.Write(Path.Combine(_folder, "own.safetensors"), gates, _recorded, 8, GateInputs.AllText);
        Array.ForEach([.. gates.Values], gate => gate.Dispose());

        AssertRefused(_recorded, new DyVteOptions { Gates = "own.safetensors" }, "set GateInput to all-text");
    }

    [Fact]
    public void A_checkpoint_without_gates_says_what_to_do()
    {
        using Tensor other = zeros(2, 2);
        SafetensorsWriter.Save(Path.Combine(_folder, "model.safetensors"), new Dictionary<string, Tensor> { ["model.norm.weight"] = other });

        AssertRefused(_recorded, new DyVteOptions(), "holds no gates (names such as model.visual_gates_router.0.w1.weight)");
    }

    [Theory]
    [InlineData("model.visual_gates_router.1.w2.weight", null, "has no 'model.visual_gates_router.1.w2.weight'")]
    [InlineData("model.visual_gates_router.1.w2.weight", new long[] { 3, 8 }, "the gate of layer 1")]
    [InlineData("model.visual_gates_router.2.w2.weight", new long[] { 2, 9 }, "the gate of layer 2")]
    [InlineData("model.visual_gates_router.0.w1.weight", new long[] { 8 }, "the gate of layer 0")]
    public void Damaged_gates_are_refused(string name, long[]? shape, string message)
    {
        Dictionary<string, Tensor> gates = GateInitialisation.Create(3, 32, 8, 1);
        gates[name].Dispose();
        gates.Remove(name);
        if (shape is not null)
        {
            gates[name] = zeros(shape);
        }

        GateFiles.Write(Path.Combine(_folder, GateFiles.Beside), gates, _recorded, 8, GateInputs.Text);
        Array.ForEach([.. gates.Values], gate => gate.Dispose());

        AssertRefused(_recorded, new DyVteOptions(), message);
    }

    [Fact]
    public void Opening_and_refusing_leave_no_tensor_behind()
    {
        long before = LiveTensors.Settled();

        using (GateFiles.Open(new DyVteOptions(), _recorded, new FactoryFiles(Checkpoint)))
        {
        }

        Assert.Throws<ApertureException>(() => GateFiles.Open(new DyVteOptions(), Info(layers: 4, width: 16), new FactoryFiles(Checkpoint)));
        Assert.Equal(before, Tensor.TotalCount);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void AssertRefused(DecoderInfo decoder, DyVteOptions options, string message)
    {
        string folder = Directory.EnumerateFileSystemEntries(_folder).Any() ? _folder : Checkpoint;
        ApertureException error = Assert.Throws<ApertureException>(() => GateFiles.Open(options, decoder, new FactoryFiles(folder)).Dispose());
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private static DecoderInfo Info(int layers, int width) => new()
    {
        Model = "small",
        Layers = layers,
        HiddenSize = width,
        IntermediateSize = 24,
        Heads = 2,
        KeyValueHeads = 2,
        HeadSize = width / 2,
        VocabularySize = 64,
        VisualTokens = 20,
    };

    private static double Largest(IWeightSource source, string name)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        return source.Load(name).to_type(ScalarType.Float32).abs().max().item<float>();
    }

    private static double Deviation(IWeightSource source, string name)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        return source.Load(name).to_type(ScalarType.Float32).std().item<float>();
    }
}
