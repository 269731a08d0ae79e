using System.Text.Json;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>A DTNet as users open it: options, inputs, captions, what a call tells, and messages.</summary>
public sealed class CaptionerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-dtnet-").FullName;
    private readonly string _checkpoint;

    public CaptionerTests() => _checkpoint = TinyCaptioner.Save(_folder);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Captions_come_best_first_and_inputs_in_their_order()
    {
        using ICaptioner dtnet = TinyCaptioner.Open(_checkpoint);
        CaptionInput[] inputs = [.. Enumerable.Range(0, 3).Select(TinyCaptioner.Input)];

        IReadOnlyList<IReadOnlyList<ScoredCaption>> all = dtnet.Caption(inputs, new CaptionRequest { Count = 3, Beams = 4, LongestCaption = 8 }, TaskRun.Plain);

        Assert.Equal([3, 3, 3], all.Select(captions => captions.Count));
        Assert.All(all, captions => Assert.Equal(captions.OrderByDescending(caption => caption.Score), captions));
        Assert.All(all.SelectMany(captions => captions), caption => Assert.True(caption.Score < 0 && caption.Text.Split(' ').Length <= 8));
        ScoredCaption alone = dtnet.Caption([inputs[2]], new CaptionRequest { Beams = 4, LongestCaption = 8 }, TaskRun.Plain)[0][0];
        Assert.Equal(all[2][0].Text, alone.Text);
        Assert.Equal(all[2][0].Score, alone.Score, 4);
        Assert.False(dtnet.TakesPictures);
    }

    [Fact]
    public void Weights_in_few_bits_that_gain_nothing_are_told_of_and_unknown_formats_are_refused()
    {
        List<string> lines = [];
        using ICaptioner stored = TinyCaptioner.Open(_checkpoint), eight = TinyCaptioner.Open(_checkpoint, """{"Weights": "int8"}""", tell: lines.Add);
        CaptionInput[] input = [TinyCaptioner.Input(0)];

        Assert.Equal(stored.Caption(input, CaptionRequest.Best, TaskRun.Plain)[0][0], eight.Caption(input, CaptionRequest.Best, TaskRun.Plain)[0][0]);
        Assert.StartsWith("dtnet: Weights in int8 change nothing", Assert.Single(lines), StringComparison.Ordinal);
        Assert.Equal(
            "dtnet: Weights is int4; it can be stored, int8.",
            Assert.Throws<ApertureException>(() => TinyCaptioner.Open(_checkpoint, """{"Weights": "int4"}""")).Message);
    }

    [Fact]
    public void Eight_bits_give_the_same_for_any_threads_and_leave_routers_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = inference_mode();
        using TensorWeights weights = TinyCaptioner.Weights();
        Assert.Equal(Rows(1), Rows(2));

        float[] Rows(int threads)
        {
            using Ops ops = new(CPU, ScalarType.Float32, threads) { Weights = WeightFormat.Int8 };
            using CaptionModel model = CaptionModel.Load(weights, CaptionConfig.Read(weights), WeightPolicy.Of(ops));
            Assert.Contains(model.Tensors, pair => pair.Name.Contains("spatial_router.0.weight", StringComparison.Ordinal));
            Assert.DoesNotContain(model.Tensors, pair => pair.Name.EndsWith("attention.fc_q.weight", StringComparison.Ordinal));
            return model.Encoder.Run(TinyCaptioner.Features(2), RoutePlan.Soft, training: null, TaskRun.Plain).Rows.data<float>().ToArray();
        }
    }

    [Fact]
    public void A_call_tells_stages_operations_paths_and_progress()
    {
        using ICaptioner soft = TinyCaptioner.Open(_checkpoint), hard = TinyCaptioner.Open(_checkpoint, """{"Route": "Argmax"}""");
        CaptionInput[] inputs = [TinyCaptioner.Input(0), TinyCaptioner.Input(1)];
        Listener all = new(), fewer = new();

        soft.Caption(inputs, CaptionRequest.Best, all.Run);
        hard.Caption(inputs, CaptionRequest.Best, fewer.Run);

        Assert.Equal(["features", "encoder", "decoder"], all.Stages);
        Assert.Equal(2 * CaptionFlops.Encoder(TinyCaptioner.Config()), all.Flops["encoder"] + all.Flops["routers"]);
        Assert.True(fewer.Flops["encoder"] < all.Flops["encoder"]);
        Assert.Equal([2L, 3], all.Values["layer0.route_spatial"].Shape);
        Assert.Equal([2L, 4, 3], all.Values["paths.passed"].Shape);
        Assert.All(all.Values["paths.count"].Numbers, count => Assert.InRange(count, 4, 10));
        Assert.Equal([1, 2], all.Progress.Select(step => step.Done));
        Assert.All(all.Progress, step => Assert.True(step.Picture!.Width > 100));
        Assert.Throws<OperationCanceledException>(
            () => soft.Caption(inputs, CaptionRequest.Best, new TaskRun { Cancellation = new CancellationToken(canceled: true) }));
    }

    [Fact]
    public void Features_are_found_by_id()
    {
        string features = Path.Combine(_folder, "grids.safetensors");
        using (Tensor own = TinyCaptioner.Features(1), vectors = own[0], shorter = own[0].narrow(0, 0, 40).clone())
        {
            SafetensorsWriter.Save(features, new Dictionary<string, Tensor> { ["7_features"] = vectors, ["8_grids"] = vectors, ["9_features"] = shorter });
        }

        using ICaptioner dtnet = TinyCaptioner.Open(_checkpoint, """{"Features": "grids.safetensors"}""");
        string Caption(string id, ICaptioner? other = null)
            => (other ?? dtnet).Caption([new CaptionInput(null) { Id = id }], CaptionRequest.Best, TaskRun.Plain)[0][0].Text;
        string expected = dtnet.Caption([TinyCaptioner.Input(0)], CaptionRequest.Best, TaskRun.Plain)[0][0].Text;

        Assert.Equal(expected, Caption("7"));
        Assert.Equal(expected, Caption("COCO_val2014_000000000008.jpg"));
        Assert.NotEmpty(Caption("9"));
        Assert.Contains("holds no features of picture '3' (no 3_grids or 3_features or 3); it holds 7_features", Message(() => Caption("3")));
        using ICaptioner lenient = TinyCaptioner.Open(_checkpoint, """{"Features": "grids.safetensors", "AllowMissing": true}""");
        Caption("3", lenient);
        using ICaptioner grids = TinyCaptioner.Open(_checkpoint, """{"Features": "grids.safetensors", "FeatureKey": "Grids"}""");
        Assert.Contains("(no 7_grids)", Message(() => Caption("7", grids)));
    }

    [Fact]
    public void Pictures_go_through_a_tower_that_fits()
    {
        string tower = Tower(Path.Combine(_folder, "tower"), TinyCaptioner.Channels);
        using ICaptioner dtnet = TinyCaptioner.Open(_checkpoint, """{"Tower": "tower"}""");
        Assert.True(dtnet.TakesPictures);
        Listener heard = new();

        dtnet.Caption([new CaptionInput(Image.Filled(40, 30, 200, 20, 20).ToPicture())], CaptionRequest.Best, heard.Run);

        Assert.True(heard.Flops["tower"] > 0);
        Tower(tower, 20);
        Assert.Contains(
            "the tower gives 20 channels, but the checkpoint takes features of 12",
            Message(() => TinyCaptioner.Open(_checkpoint, """{"Tower": "tower"}""").Dispose()));
    }

    [Fact]
    public void Several_checkpoints_caption_together()
    {
        string other = Directory.CreateDirectory(Path.Combine(_folder, "other")).FullName;
        TinyCaptioner.Save(other, seed: 8);
        using ICaptioner one = TinyCaptioner.Open(_checkpoint), two = TinyCaptioner.Open(_checkpoint, """{"Ensemble": ["other/dtnet.safetensors"]}""");
        CaptionInput[] inputs = [.. Enumerable.Range(0, 4).Select(TinyCaptioner.Input)];
        Assert.NotEqual(
            one.Caption(inputs, CaptionRequest.Best, TaskRun.Plain).Select(captions => captions[0].Score),
            two.Caption(inputs, CaptionRequest.Best, TaskRun.Plain).Select(captions => captions[0].Score));
        Assert.Contains("2 models together", two.Summary);
    }

    [Theory]
    [InlineData("""{"Beams": 0}""", "Beams is 0")]
    [InlineData("""{"Beam": 5}""", "unknown option 'Beam'")]
    [InlineData("""{"PathThreshold": 1}""", "PathThreshold is 1; give a number between 0 and 1")]
    [InlineData("""{"RouteMost": 4}""", "RouteMost is 4")]
    [InlineData("""{"Precision": "int8"}""", "Precision is int8")]
    [InlineData("""{"Vocabulary": "nowhere.pkl"}""", "nowhere.pkl")]
    [InlineData("""{"Vocabulary": "short.json"}""", "the vocabulary has 5 words, but the checkpoint knows 13; give the file that it was trained with")]
    [InlineData("""{"Vocabulary": "turned.json"}""", "the checkpoint was trained with another vocabulary of 13 words (the order differs)")]
    [InlineData("""{"Vocabulary": "plain.json"}""", "is no JSON list of words")]
    [InlineData("""{"Features": "damaged.hdf5"}""", "cannot be opened as HDF5")]
    [InlineData("""{"Ensemble": ["words.safetensors"]}""", "words.safetensors")]
    public void A_wrong_option_is_one_line(string options, string expected)
    {
        string[] words = [.. TinyCaptioner.Words.Words];
        File.WriteAllText(Path.Combine(_folder, "short.json"), JsonSerializer.Serialize(words[..5]));
        File.WriteAllText(Path.Combine(_folder, "turned.json"), JsonSerializer.Serialize(words[..5].Concat(words[5..].Reverse())));
        File.WriteAllText(Path.Combine(_folder, "plain.json"), "{}");
        File.WriteAllText(Path.Combine(_folder, "damaged.hdf5"), "no file of HDF5 at all");

        string message = Message(() => TinyCaptioner.Open(_checkpoint, options).Dispose());

        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void What_cannot_be_captioned_is_one_line()
    {
        using ICaptioner dtnet = TinyCaptioner.Open(_checkpoint);
        string Refusal(CaptionInput[] inputs, CaptionRequest? request = null)
            => Message(() => dtnet.Caption(inputs, request ?? CaptionRequest.Best, TaskRun.Plain));
        CaptionInput wide = new(null, new FeatureRows(new float[49 * 13], 49, 13));

        Assert.Contains("there is nothing to caption", Refusal([]));
        Assert.Contains("features of 13 channels; this checkpoint takes 12", Refusal([wide]));
        Assert.Contains("picture '4' is given by its id, but there is no file of features", Refusal([new CaptionInput(null) { Id = "4" }]));
        Assert.Contains("an input has neither features nor an id", Refusal([new CaptionInput(null)]));
        Assert.Contains("6 captions of each picture are wanted of 5 beams", Refusal([TinyCaptioner.Input(0)], new CaptionRequest { Count = 6 }));
        Assert.Contains("14 beams; give 1 to 13", Refusal([TinyCaptioner.Input(0)], new CaptionRequest { Beams = 14 }));
        Assert.Contains("captions of 25 tokens; give 1 to 24", Refusal([TinyCaptioner.Input(0)], new CaptionRequest { LongestCaption = 25 }));
    }

    [Fact]
    public void Half_precision_and_folding_caption_alike()
    {
        using ICaptioner whole = TinyCaptioner.Open(_checkpoint), half = TinyCaptioner.Open(_checkpoint, """{"Precision": "bfloat16", "RepFold": true}""");
        double Score(ICaptioner dtnet) => dtnet.Caption([TinyCaptioner.Input(1)], CaptionRequest.Best, TaskRun.Plain)[0][0].Score;

        Assert.Equal(Score(whole), Score(half), Math.Abs(Score(whole)) * 0.05);
    }

    [Fact]
    public void Opening_and_captioning_leave_no_tensor_behind()
    {
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using ICaptioner dtnet = TinyCaptioner.Open(_checkpoint, """{"RepFold": true}""");
            dtnet.Caption([TinyCaptioner.Input(0)], CaptionRequest.Best, new Listener().Run);
            Message(() => TinyCaptioner.Open(_checkpoint, """{"Vocabulary": "nowhere.pkl"}""").Dispose());
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    internal static string Message(Action act) => Assert.Throws<ApertureException>(act).Message;



    // A CLIP tower of random weights: two blocks on a grid of 3x3.
    private static string Tower(string folder, int width)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "config.json"), $$"""
            {"hidden_size": {{width}}, "intermediate_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 24, "patch_size": 8}
            """);
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """{"crop_size": 24, "size": {"shortest_edge": 24}}""");
        Dictionary<string, Tensor> tensors = [];
        void Add(string name, params long[] shape) => tensors["vision_model." + name] = randn(shape).mul_(0.3);
        Add("embeddings.class_embedding", width);
        Add("embeddings.patch_embedding.weight", width, 3, 8, 8);
        Add("embeddings.position_embedding.weight", 10, width);
        string[] inner = ["0.layer_norm1", "0.layer_norm2", "1.layer_norm1", "1.layer_norm2"];
        foreach (string norm in inner.Select(name => "encoder.layers." + name).Concat(["pre_layrnorm", "post_layernorm"]))
        {
            Add(norm + ".weight", width);
            Add(norm + ".bias", width);
        }

        for (int block = 0; block < 2; block++)
        {
            foreach (string linear in new[] { "q_proj", "k_proj", "v_proj", "out_proj" })
            {
                Add($"encoder.layers.{block}.self_attn.{linear}.weight", width, width);
                Add($"encoder.layers.{block}.self_attn.{linear}.bias", width);
            }

            Add($"encoder.layers.{block}.mlp.fc1.weight", 16, width);
            Add($"encoder.layers.{block}.mlp.fc1.bias", 16);
            Add($"encoder.layers.{block}.mlp.fc2.weight", width, 16);
            Add($"encoder.layers.{block}.mlp.fc2.bias", width);
        }

        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        return folder;
    }

    private sealed class Listener : ITaskClock, ITaskTrace, IProgress<TaskProgress>
    {
        public List<string> Stages { get; } = [];

        public Dictionary<string, long> Flops { get; } = [];

        public Dictionary<string, (long[] Shape, float[] Numbers)> Values { get; } = [];

        public List<TaskProgress> Progress { get; } = [];

        public TaskRun Run => new() { Clock = this, Trace = this, Progress = this, WantsPreviews = true };

        public void Enter(string stage) => Stages.Add(stage);

        public void Count(string part, long flops) => Flops[part] = Flops.GetValueOrDefault(part) + flops;

        public bool Wants(string name) => true;

        public void Value(string name, Tensor value)
        {
            using Tensor wide = value.to(ScalarType.Float32), dense = wide.contiguous();
            Values[name] = (value.shape, dense.data<float>().ToArray());
        }

        public void Report(TaskProgress value) => Progress.Add(value);
    }
}
