using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins.Eas.Meter;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>A METER as users open it: options, tasks, answers and messages.</summary>
public sealed class MeterClassifierTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-meter-").FullName;
    private readonly string _tokenizer = Repository("tests", "Golden", "data", "text", "tiny", "roberta");
    private readonly int _vocabulary;

    public MeterClassifierTests() => _vocabulary = Text.Tokenizers.FromFolder(_tokenizer).VocabularySize;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Every_head_answers()
    {
        using IClassifier meter = Open(Save(TinyMeter.Weights(_vocabulary)), """, "Skip": [1, 3, 5]""");
        Picture first = Shaded(10), second = Shaded(200);

        Assert.Equal(["vqa", "nlvr2", "snli", "retrieval", "match"], meter.Tasks.Select(task => task.Name));
        foreach (ClassifierTask task in meter.Tasks)
        {
            Picture[] pictures = task.Pictures == 1 ? [first] : [first, second];
            IReadOnlyList<IReadOnlyList<LabelScore>> both = meter.Classify(task.Name, pictures, ["man on left", "a"], TaskRun.Plain);

            Assert.Equal(2, both.Count);
            Assert.All(both, scores => Assert.Equal(task.Labels, scores.Count));
            Assert.All(both, scores => Assert.Equal(scores.OrderByDescending(score => score.Score), scores));
            Assert.All(both.SelectMany(scores => scores), score => Assert.InRange(score.Score, 0, 1));
            IReadOnlyList<LabelScore> alone = meter.Classify(task.Name, pictures, ["a"], TaskRun.Plain)[0];
            Assert.All(alone.Zip(both[1]), pair => Assert.Equal(pair.First.Score, pair.Second.Score, 5));
        }
    }

    [Fact]
    public void Weights_in_few_bits_that_gain_nothing_are_told_of_and_unknown_formats_are_refused()
    {
        string checkpoint = Save(TinyMeter.Weights(_vocabulary));
        List<string> lines = [];
        using IClassifier stored = Open(checkpoint, """, "Skip": []"""), eight = Open(checkpoint, """, "Skip": [], "Weights": "int8" """, lines.Add);

        Assert.Equal(
            stored.Classify("vqa", [Shaded(90)], ["man on left"], TaskRun.Plain)[0], eight.Classify("vqa", [Shaded(90)], ["man on left"], TaskRun.Plain)[0]);
        Assert.StartsWith("meter: Weights in int8 change nothing", Assert.Single(lines), StringComparison.Ordinal);
        Assert.Equal(
            "meter: Weights is int4; it can be stored, int8.",
            Assert.Throws<ApertureException>(() => Open(checkpoint, """, "Weights": "int4" """)).Message);
    }

    [Fact]
    public void Eight_bits_give_the_same_for_any_threads_and_nearly_what_stored_weights_give()
    {
        using TensorWeights weights = TinyMeter.Weights(_vocabulary);
        float[] Pooled(int threads, WeightFormat format = WeightFormat.Int8)
        {
            using Ops ops = new(CPU, ScalarType.Float32, threads) { Weights = format };
            using MeterModel model = MeterModel.Load(weights, TinyMeter.Config(weights), WeightPolicy.Of(ops));
            using Tensor pooled = TinyMeter.Pooled(model, [1, 3, 5]);
            return pooled.data<float>().ToArray();
        }

        float[] stored = Pooled(1, WeightFormat.Stored), eight = Pooled(1);
        Assert.Equal(eight, Pooled(2));
        double off = Math.Sqrt(stored.Zip(eight, (a, b) => (double)(a - b) * (a - b)).Sum() / stored.Sum(value => (double)value * value));
        Assert.InRange(off, 1e-5, 0.1);
    }

    [Fact]
    public void Answers_get_their_names_and_skipping_costs_less()
    {
        string checkpoint = Save(TinyMeter.Weights(_vocabulary));
        File.WriteAllText(Path.Combine(_folder, "answers.json"), """{"yes": 0, "no": 1, "red": 3, "2": 2, "left": 4}""");
        using IClassifier all = Open(checkpoint, """, "Skip": [], "Labels": "answers.json" """);
        using IClassifier fewer = Open(checkpoint, """, "Skip": [0, 1, 2, 3], "LegacyArmMap": false""");
        Picture picture = Shaded(90);

        IReadOnlyList<LabelScore> scores = all.Classify("vqa", [picture], ["man on left"], TaskRun.Plain)[0];

        Assert.Equal(["2", "left", "no", "red", "yes"], scores.Select(score => score.Label).Order(StringComparer.Ordinal));
        Assert.True(fewer.Tasks[0].Flops < all.Tasks[0].Flops);
    }

    [Fact]
    public void A_searchs_file_says_what_is_skipped()
    {
        string checkpoint = Save(TinyMeter.Weights(_vocabulary));
        File.WriteAllText(Path.Combine(_folder, "found.json"), """{"base": "meter", "arms": "meter24", "skip": [0, 1, 2, 3]}""");
        using IClassifier list = Open(checkpoint, """, "Skip": [0, 1, 2, 3]"""), file = Open(checkpoint, """, "Skip": "found.json" """);
        Picture picture = Shaded(90);

        Assert.Equal(
            list.Classify("snli", [picture], ["a"], TaskRun.Plain)[0],
            file.Classify("snli", [picture], ["a"], TaskRun.Plain)[0]);
    }

    [Fact]
    public void Another_image_size_resamples_the_positions()
    {
        using IClassifier meter = Open(Save(TinyMeter.Weights(_vocabulary)), """, "Skip": [], "ImageSize": 40""");
        Picture picture = Shaded(90);

        Shapes seen = new();
        Assert.Equal(TinyMeter.Answers, meter.Classify("vqa", [picture], ["a"], new TaskRun { Trace = seen })[0].Count);

        Assert.Equal([1L, 3, 40, 40], seen.Of["pixels.0"]);
        Assert.Equal(["pixels.0", "pooled.0", "text"], seen.Of.Keys.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("", "does not say which attentions it was trained without; set Skip")]
    [InlineData(""", "Skip": [99]""", "there is no attention 99 to skip")]
    [InlineData(""", "Skip": ["one"]""", "\"one\" is no number of an attention")]
    [InlineData(""", "Skip": 3""", "Skip must be a list of numbers")]
    [InlineData(""", "Skip": [], "Heads": 3""", "hidden size 16 is not a multiple of 3 attention heads")]
    [InlineData(""", "Skip": [], "ImageSize": 20""", "ImageSize 20 is not a multiple of the checkpoint's patches of 8 pixels")]
    [InlineData(""", "Skip": [], "TextLength": 1""", "TextLength is 1; give a number from 2 to 512")]
    [InlineData(""", "Skip": [], "Labels": "short.txt" """, "names 2 answers, but there must be 5")]
    [InlineData(""", "Skip": [], "Adaptors": "x" """, "unknown option 'Adaptors'")]
    public void A_wrong_option_is_one_line(string options, string expected)
    {
        string checkpoint = Save(TinyMeter.Weights(_vocabulary));
        File.WriteAllText(Path.Combine(_folder, "short.txt"), "yes\nno\n");

        ApertureException error = Assert.Throws<ApertureException>(() => Open(checkpoint, options));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_call_tells_its_stages_and_counts_what_its_task_says()
    {
        using IClassifier meter = Open(Save(TinyMeter.Weights(_vocabulary)), """, "Skip": [1]""");
        Spent spent = new();

        meter.Classify("nlvr2", [Shaded(1), Shaded(2)], ["a"], new TaskRun { Clock = spent });

        Assert.Equal(["text", "vision", "fusion", "vision", "fusion"], spent.Stages);
        Assert.Equal(meter.Tasks.Single(task => task.Name == "nlvr2").Flops, spent.Flops);
        TaskRun cancelled = new() { Cancellation = new CancellationToken(canceled: true) };
        Assert.Throws<OperationCanceledException>(() => meter.Classify("vqa", [Shaded(1)], ["a"], cancelled));
    }

    [Theory]
    [InlineData("cross_modal_text_transform.weight", false)]
    [InlineData("vqa_classifier.0.weight", true)]
    public void A_checkpoint_is_recognised_by_its_tensors(string missing, bool recognised)
    {
        using IWeightSource weights = WeightFiles.Open(Save(TinyMeter.Weights(_vocabulary), _folder, name => name != missing));

        Assert.Equal(recognised, new MeterFactory().Recognises(new Looked(weights)));
        Assert.False(new MeterFactory().Recognises(new Looked(null)));
        Assert.Equal(typeof(IClassifier), ((ITaskFactory)new MeterFactory()).Contract);
    }

    [Fact]
    public void A_tokenizer_of_another_vocabulary_is_refused()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Open(Save(TinyMeter.Weights(vocabulary: 40)), """, "Skip": []"""));

        Assert.Contains("but the checkpoint's text encoder knows 40; use the tokenizer it was trained with", error.Message);
    }

    [Fact]
    public void An_unknown_task_and_a_wrong_number_of_pictures_are_refused()
    {
        using IClassifier meter = Open(Save(TinyMeter.Weights(_vocabulary, adapted: false, tokenTypes: 2)), "");
        Picture picture = Shaded(1);

        string Message(string task, params Picture[] pictures)
            => Assert.Throws<ApertureException>(() => meter.Classify(task, pictures, ["a"], TaskRun.Plain)).Message;
        Assert.Contains("no head for 'nlvr2'; it has vqa, snli, retrieval, match", Message("nlvr2", picture));
        Assert.Contains("vqa takes 1 picture(s), not 2", Message("vqa", picture, picture));
    }

    [Fact]
    public void Opening_and_asking_leave_no_tensor_behind()
    {
        string checkpoint = Save(TinyMeter.Weights(_vocabulary));
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using IClassifier meter = Open(checkpoint, """, "Skip": [3], "ImageSize": 24""");
            Picture picture = Shaded(90);
            meter.Classify("nlvr2", [picture, picture], ["a", "man on left"], TaskRun.Plain);
            Assert.Throws<ApertureException>(() => Open(checkpoint, """, "Skip": [77]"""));
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    internal static string Repository(params string[] parts)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Host.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine([folder.FullName, .. parts]);
    }

    /// <summary>Writes a checkpoint; consumes the weights.</summary>
    internal static string Save(TensorWeights weights, string folder, Func<string, bool>? keep = null)
    {
        using (weights)
        {
            string path = Path.Combine(folder, "meter.safetensors");
            Dictionary<string, Tensor> tensors = weights.Names.Where(keep ?? (_ => true)).ToDictionary(name => name, weights.Load);
            SafetensorsWriter.Save(path, tensors);
            foreach (Tensor tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            return path;
        }
    }

    private string Save(TensorWeights weights) => Save(weights, _folder);

    private static Picture Shaded(byte shade) => new(Enumerable.Range(0, 30 * 20 * 3).Select(i => (byte)(i + shade)).ToArray(), 30, 20);

    private IClassifier Open(string checkpoint, string options, Action<string>? tell = null)
    {
        using JsonDocument json = JsonDocument.Parse(
            $$"""{"Tokenizer": {{JsonSerializer.Serialize(_tokenizer)}}, "VisionHeads": 2{{(options.Contains("\"Heads\"", StringComparison.Ordinal) ? "" : ", \"Heads\": 2")}}{{options}}}""");
        return new MeterFactory().Open(checkpoint, json.RootElement.Clone(), CPU, new FactoryFiles(_folder, tell: tell));
    }

    private sealed class Shapes : ITaskTrace
    {
        public Dictionary<string, long[]> Of { get; } = [];

        public bool Wants(string name) => true;

        public void Value(string name, Tensor value) => Of[name] = value.shape;
    }

    private sealed class Spent : ITaskClock
    {
        public List<string> Stages { get; } = [];

        public long Flops { get; private set; }

        public void Enter(string stage) => Stages.Add(stage);

        public void Count(string part, long flops) => Flops += flops;
    }

    private sealed record Looked(IWeightSource? Weights) : ITaskCheckpoint
    {
        public string Path => "meter";

        public bool IsFolder => false;

        public bool Has(string relative) => false;
    }
}
