using System.Text.Json;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Quantizing;
using Aperture.Requests;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Quantizing;

/// <summary>Checkpoints that are written in few bits: what is in them, and that they are what they were made from.</summary>
[Collection(WholeProcess.Name)]
public sealed class CheckpointQuantizerTests(SmallLlava small) : IClassFixture<SmallLlava>, IDisposable
{
    private static readonly ModelOptions _single = new() { Type = "float32", Threads = 1 };
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-quantized").FullName;

    private string Target => Path.Combine(_root, "written");

    [Theory]
    [InlineData("int8", false)]
    [InlineData("int8", true)]
    [InlineData("int4", false)]
    [InlineData("int4", true)]
    public async Task What_is_written_opens_as_what_the_original_becomes_while_it_opens(string weights, bool keepHead)
    {
        await using EngineSession session = small.Open();
        Quantize(session, new QuantizeOptions { Format = Format(weights), KeepHead = keepHead });
        Model expected = session.Load(small.Folder, _single with { Weights = weights }).Model;
        Pipeline written = session.Load(Target, _single);

        Assert.Equal(Format(weights), written.Model.Ops.Weights);
        Assert.Empty(written.Model.Unclaimed);
        foreach ((Matrix left, Matrix right) in Matrices(expected).Zip(Matrices(written.Model)))
        {
            Assert.IsType(left.GetType(), right);
            using Tensor a = left.Dense(), b = right.Dense();
            Assert.Equal(Numbers(a), Numbers(b));
        }

        Image picture = Image.Load(small.Picture);
        GenerationOptions options = new() { MaxNewTokens = 6 };
        Answer first = await session.Load(small.Folder, _single with { Weights = weights }).Ask(picture, "w7 w8 w9", options);
        foreach (int threads in (int[])[1, 2, 4])
        {
            Answer second = await session.Load(Target, _single with { Threads = threads }).Ask(picture, "w7 w8 w9", options);
            Assert.Equal(first.Text, second.Text);
        }

        set_num_threads(1);
    }

    [Fact]
    public async Task Eight_bits_are_laid_out_as_compressed_tensors_has_them()
    {
        await using EngineSession session = small.Open();
        QuantizeResult result = Quantize(session, new QuantizeOptions { KeepHead = true });

        const string Up = "language_model.model.layers.1.mlp.up_proj", Head = "language_model.lm_head";
        using IWeightSource before = WeightFiles.Open(small.Folder), after = WeightFiles.Open(Target);
        Assert.Equal(("I8", "48, 32"), Stored(after, Up + ".weight"));
        Assert.Equal(("F32", "48, 1"), Stored(after, Up + ".weight_scale"));
        Assert.Equal(("BF16", "32064, 32"), Stored(after, Head + ".weight"));
        Assert.Equal([Head + ".weight"], result.Kept);
        Assert.Equal((4 * 7) + 2 + (2 * 6), result.Quantized.Count); // the tower's last block is not used
        JsonElement config = Config();
        Assert.Equal("int-quantized", config.GetProperty("format").GetString());
        Assert.Equal("int8", config.GetProperty("aperture_weights").GetString());
        string[] ignored = [.. config.GetProperty("ignore").EnumerateArray().Select(name => name.GetString()!)];
        Assert.Contains(Head, ignored);
        Assert.DoesNotContain(Up, ignored);
        foreach (string name in before.Names.Where(name => !after.Contains(name + "_scale")))
        {
            using Tensor a = before.Load(name), b = after.Load(name);
            Assert.Equal(a.dtype, b.dtype);
            Assert.Equal(Numbers(a), Numbers(b));
        }

        Assert.Equal(File.ReadAllBytes(Path.Combine(small.Folder, "tokenizer.json")), File.ReadAllBytes(Path.Combine(Target, "tokenizer.json")));
        Assert.Equal(["written"], Directory.EnumerateFileSystemEntries(_root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Four_bits_are_packed_and_widths_that_are_no_groups_stay()
    {
        await using EngineSession session = small.Open();
        QuantizeResult result = Quantize(session, new QuantizeOptions { Format = WeightFormat.Int4 });

        const string Key = "language_model.model.layers.0.self_attn.k_proj.weight";
        using IWeightSource before = WeightFiles.Open(small.Folder), after = WeightFiles.Open(Target);
        Assert.Equal(("I32", "16, 4"), Stored(after, Key + "_packed"));
        Assert.Equal(("F32", "16, 1"), Stored(after, Key + "_scale"));
        Assert.Equal(("I32", "2, 1"), Stored(after, Key + "_zero_point"));
        Assert.Equal(("I64", "2"), Stored(after, Key + "_shape"));
        Assert.False(after.Contains(Key));
        Assert.Contains("language_model.model.layers.0.mlp.down_proj.weight", result.Kept); // 48 inputs
        Assert.Contains("multi_modal_projector.linear_1.weight", result.Kept); // 16 inputs
        Assert.Equal(("BF16", "32, 48"), Stored(after, "language_model.model.layers.0.mlp.down_proj.weight"));
        JsonElement weights = Config().GetProperty("config_groups").GetProperty("group_0").GetProperty("weights");
        Assert.Equal((4, 32, false), (
            weights.GetProperty("num_bits").GetInt32(), weights.GetProperty("group_size").GetInt32(), weights.GetProperty("symmetric").GetBoolean()));
        Assert.InRange(result.BytesAfter, result.BytesBefore / 2, result.BytesBefore); // most of it are embeddings

        // By the published rule: (code - zero) scale, both lowered by 8.
        using Tensor packed = after.Load(Key + "_packed"), scale = after.Load(Key + "_scale"), zero = after.Load(Key + "_zero_point"), whole = before.Load(Key);
        using Tensor numbers = whole.to_type(ScalarType.Float32);
        int[] words = packed.data<int>().ToArray(), zeros = zero.data<int>().ToArray();
        float[] scales = scale.data<float>().ToArray(), original = numbers.data<float>().ToArray();
        for (int i = 0; i < original.Length; i++)
        {
            (int row, int column) = (i / 32, i % 32);
            int code = (words[(row * 4) + (column / 8)] >> (4 * (column % 8))) & 15, lowered = (zeros[row / 8] >> (4 * (row % 8))) & 15;
            Assert.InRange(original[i] - (scales[row] * (code - lowered)), -1.5 * scales[row], 1.5 * scales[row]);
        }
    }

    [Fact]
    public async Task What_is_written_opens_as_numbers_where_they_are_asked_for()
    {
        await using EngineSession session = small.Open();
        Quantize(session, new QuantizeOptions());
        Model codes = session.Load(Target, _single).Model, numbers = session.Load(Target, _single with { Weights = "stored" }).Model;

        Assert.IsType<DenseMatrix>(numbers.Decoder.Weights.Layers[0].Up);
        using Tensor a = codes.Decoder.Weights.Layers[0].Up.Dense(), b = numbers.Decoder.Weights.Layers[0].Up.Dense();
        Assert.Equal(Numbers(a), Numbers(b));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task A_fit_is_nowhere_worse_than_the_nearest_and_twice_the_same(int questions)
    {
        await using EngineSession session = small.Open();
        QuestionItem[] items = [.. Enumerable.Range(0, questions).Select(i => new QuestionItem($"{i}", small.Picture, $"w{i} w8", null, ""))];
        QuantizeOptions how = new() { Format = WeightFormat.Int4, Questions = items };
        QuantizeResult first = Quantize(session, how), second = Quantize(session, how, Target + "-again");

        Assert.NotEmpty(first.Quantized);
        Assert.All(first.Quantized, weight => Assert.InRange(weight.Error!.Value, 0, weight.NearestError!.Value));
        Assert.True(first.Quantized.Average(weight => weight.Error) < 0.98 * first.Quantized.Average(weight => weight.NearestError));
        Assert.Equal(first.Quantized, second.Quantized);
        Assert.Equal(Weights(Target), Weights(Target + "-again"));
        Assert.NotEqual("", (await session.Load(Target, _single).Ask(Image.Load(small.Picture), "w7 w8", new GenerationOptions { MaxNewTokens = 4 })).Text);
    }

    [Fact]
    public async Task Nothing_is_left_of_what_was_stopped_or_killed()
    {
        await using EngineSession session = small.Open();
        string killed = $"{Target}.999999999-{Guid.NewGuid():N}.tmp"; // of a process that is no more
        Directory.CreateDirectory(killed);
        using CancellationTokenSource stop = new();
        Cancelled progress = new(report =>
        {
            if (report.Stage == "weights" && report.Done > report.Total / 2)
            {
                stop.Cancel();
            }
        });

        Assert.ThrowsAny<OperationCanceledException>(
            () => CheckpointQuantizer.Run(session, small.Folder, _single, Target, new QuantizeOptions(), progress, stop.Token));

        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public async Task A_weight_that_is_no_number_is_refused_by_name_and_leaves_nothing(double value)
    {
        const string Down = "language_model.model.layers.2.mlp.down_proj.weight";
        string broken = Path.Combine(_root, "broken");
        Directory.CreateDirectory(broken);
        Dictionary<string, Tensor> tensors = [];
        using (IWeightSource source = WeightFiles.Open(small.Folder))
        {
            foreach (string name in source.Names)
            {
                tensors[name] = source.LoadCopy(name);
            }
        }

        tensors[Down][1, 1] = value;
        SafetensorsWriter.Save(Path.Combine(broken, "model.safetensors"), tensors);
        Array.ForEach([.. tensors.Values], tensor => tensor.Dispose());
        Array.ForEach(["config.json", "tokenizer.json"], file => File.Copy(Path.Combine(small.Folder, file), Path.Combine(broken, file)));
        await using EngineSession session = small.Open();

        ApertureException error = Assert.Throws<ApertureException>(
            () => CheckpointQuantizer.Run(session, broken, _single, Target, new QuantizeOptions()));

        Assert.StartsWith($"{Down} holds a weight that is infinite or no number", error.Message, StringComparison.Ordinal);
        Assert.Equal(["broken"], Directory.EnumerateFileSystemEntries(_root).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_cannot_be_done_is_said_before_anything_is_written()
    {
        await using EngineSession session = small.Open();
        QuestionItem[] items = [new QuestionItem("1", small.Picture, "w1", null, "")];
        Directory.CreateDirectory(Target);

        Assert.Contains("is there already", Refused(session, small.Folder, new QuantizeOptions()), StringComparison.Ordinal);
        Directory.Delete(Target);
        QuantizeOptions four = new() { Format = WeightFormat.Int4 };
        Assert.Contains("Groups of 48 inputs", Refused(session, small.Folder, four with { Group = 48 }), StringComparison.Ordinal);
        Assert.Contains("no groups", Refused(session, small.Folder, new QuantizeOptions { Group = 64 }), StringComparison.Ordinal);
        Assert.Contains("nothing to fit", Refused(session, small.Folder, new QuantizeOptions { Questions = items }), StringComparison.Ordinal);
        Assert.Contains("not quantised", Refused(session, small.Folder, new QuantizeOptions { Format = WeightFormat.Stored }), StringComparison.Ordinal);
        Assert.Contains("there is nothing to quantise", Refused(session, small.Folder, four with { Group = 64 }), StringComparison.Ordinal);
        ApertureException device = Assert.Throws<ApertureException>(
            () => CheckpointQuantizer.Run(session, small.Folder, _single with { Device = "cuda" }, Target, new QuantizeOptions()));
        Assert.Contains("on the CPU, but the device is cuda", device.Message, StringComparison.Ordinal);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));

        Quantize(session, new QuantizeOptions(), Target);
        Assert.Contains("is quantised already", Refused(session, Target, new QuantizeOptions(), Target + "-again"), StringComparison.Ordinal);
        Assert.Equal(["written"], Directory.EnumerateFileSystemEntries(_root).Select(Path.GetFileName));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private static WeightFormat Format(string weights) => weights == "int8" ? WeightFormat.Int8 : WeightFormat.Int4;

    private static (string Type, string Shape) Stored(IWeightSource source, string name)
        => (source.Describe(name).StoredType, string.Join(", ", source.Describe(name).Shape));

    private static float[] Numbers(Tensor tensor)
    {
        using Tensor wide = tensor.to_type(ScalarType.Float32), dense = wide.contiguous();
        return dense.data<float>().ToArray();
    }

    private static IEnumerable<Matrix> Matrices(Model model)
    {
        VisionTransformerWeights tower = Assert.IsType<VisionTransformerEncoder>(model.Encoder).Tower.Weights;
        return
        [
            .. model.Decoder.Weights.Layers.SelectMany(layer => layer.Matrices("")).Select(entry => entry.Matrix), model.Decoder.Weights.Head,
            .. tower.Blocks.SelectMany(block => (Matrix[])[block.Query!, block.Key!, block.Value!, block.Output, block.Up, block.Down]),
            .. Assert.IsType<Projector>(model.Projector).Layers,
        ];
    }

    private static byte[] Weights(string folder) => File.ReadAllBytes(Path.Combine(folder, "model.safetensors"));

    private JsonElement Config()
        => JsonDocument.Parse(File.ReadAllText(Path.Combine(Target, "config.json"))).RootElement.GetProperty("quantization_config");

    private QuantizeResult Quantize(EngineSession session, QuantizeOptions how, string? target = null)
        => CheckpointQuantizer.Run(session, small.Folder, _single, target ?? Target, how);

    private string Refused(EngineSession session, string model, QuantizeOptions how, string? target = null)
    {
        string message = Assert.Throws<ApertureException>(() => CheckpointQuantizer.Run(session, model, _single, target ?? Target, how)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private sealed class Cancelled(Action<QuantizeProgress> report) : IProgress<QuantizeProgress>
    {
        public void Report(QuantizeProgress value) => report(value);
    }
}
