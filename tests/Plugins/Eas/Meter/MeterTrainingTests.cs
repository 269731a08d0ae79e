using System.Text.Json;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Plugins.Eas.Meter;
using Aperture.Plugins.Eas.Search;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Tests.Meter;

/// <summary>Training EAS on a small METER: what is trained, that it learns, and that its file opens.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class MeterTrainingTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-meter-").FullName;
    private readonly string _tokenizer = MeterClassifierTests.Repository("tests", "Golden", "data", "text", "tiny", "roberta");
    private readonly string _checkpoint;
    private readonly TaskSample[] _samples;

    public MeterTrainingTests()
    {
        _checkpoint = MeterClassifierTests.Save(
            TinyMeter.Weights(Text.Tokenizers.FromFolder(_tokenizer).VocabularySize, adapted: false, tokenTypes: 2), _folder, name
                => !name.Contains("classifier", StringComparison.Ordinal));
        string[] pictures = [Picture("red", 250, 10, 10), Picture("blue", 10, 10, 250)];
        _samples =
        [
            new([pictures[0]], "a red table", new Dictionary<string, double> { ["red"] = 1 }),
            new([pictures[1]], "a blue sign", new Dictionary<string, double> { ["blue"] = 1, ["navy"] = 0.3 }),
        ];
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("vqa", "vqa_classifier.3.weight")]
    [InlineData("snli", "snli_classifier.3.weight")]
    [InlineData("nlvr2", "nlvr2_classifier.3.weight")]
    [InlineData("retrieval", "rank_output.weight")]
    public void Steps_lower_the_loss_and_the_result_opens(string task, string head)
    {
        using MeterTraining run = Begin(task, """, "Skip": [1, 3, 5], "Dropout": 0, "Negatives": 1, "Rate": 0.01""", Samples(task));
        Assert.Contains(head, run.Parameters.Keys);
        Assert.DoesNotContain(
            run.Parameters.Keys, name
                => name.Contains("_classifier", StringComparison.Ordinal) && !name.StartsWith(head.Split('.')[0], StringComparison.Ordinal));
        Assert.All(run.Parameters.Values, parameter => Assert.True(parameter.requires_grad));

        double first = Step(run, 0), last = first;
        for (int step = 1; step < 20; step++)
        {
            last = Step(run, 0);
        }

        TrainingResult result = run.Save();
        Assert.True(last < 0.8 * first, $"{first} -> {last}");
        Assert.All(result.Files, file => Assert.True(File.Exists(file)));
        using IClassifier meter = Open(result.Files);
        Vision.Picture red = Image.Load(Samples(task)[0].Pictures[0]).ToPicture(), blue = Image.Load(Samples(task)[1].Pictures[0]).ToPicture();
        IReadOnlyList<LabelScore> scores = meter.Classify(task, task == "nlvr2" ? [red, blue] : [red], ["a red table"], TaskRun.Plain)[0];
        if (task != "retrieval")
        {
            Assert.Equal(Samples(task)[0].Labels.Keys.Single(), scores[0].Label);
        }
    }

    [Fact]
    public void A_search_moves_scores_and_its_file_says_what_to_skip()
    {
        using ITaskTraining run = BeginAny("vqa", """, "Stage": "Search", "SkipCount": 3, "Every": 1, "SearchWarmUp": 2, "Steps": 4""", _samples);
        for (int step = 0; step < 4; step++)
        {
            using DisposeScope scope = NewDisposeScope();
            TrainingStep result = run.Step(step, [0, 1], CancellationToken.None);
            Assert.Equal(step >= 1, result.Metrics.ContainsKey("spread"));
            Assert.Equal(step >= 1, run.State["scores"].abs().max().item<double>() > 0);
        }

        TrainingResult found = run.Save();
        SearchResult file = SearchResult.Read(Assert.Single(found.Files));
        Assert.Equal(("METER", "vqa", 3, SearchResult.MeterArms, 8), (file.Base, file.Task, file.K, file.Arms, file.Scores.Count));
        Assert.Equal(run.State["scores"].data<double>().ToArray(), file.Scores);
        using MeterTraining next = Begin("vqa", $", \"Skip\": {JsonSerializer.Serialize(found.Files[0])}", _samples);
        TrainingResult trained = next.Save();
        using JsonDocument skip = JsonDocument.Parse(File.ReadAllBytes(trained.Files[1]));
        Assert.Equal(file.Skip, skip.RootElement.GetProperty("skip").EnumerateArray().Select(arm => arm.GetInt32()));
    }

    [Theory]
    [InlineData(""", "Skip": [1]""", "Skip is what a search finds")]
    [InlineData(""", "SkipCount": 8""", "SkipCount is 8")]
    [InlineData(""", "Sets": 1""", "Sets is 1")]
    [InlineData(""", "SearchWarmUp": -1""", "SearchWarmUp is -1")]
    public void A_wrong_search_is_one_line(string options, string expected)
    {
        ApertureException error = Assert.Throws<ApertureException>(
            () => BeginAny(
                "vqa", (options.Contains("SkipCount", StringComparison.Ordinal) ? "" : ", \"SkipCount\": 3") + ", \"Stage\": \"Search\"" + options, _samples));

        Assert.Contains(expected, error.Message);
    }

    [Fact]
    public void A_step_depends_on_seed_and_number_alone()
    {
        double Loss(int step, string options = "")
        {
            using MeterTraining run = Begin("vqa", options, _samples);
            using DisposeScope scope = NewDisposeScope();
            return run.Step(step, [0, 1], CancellationToken.None).Loss!.item<float>();
        }

        Assert.Equal(Loss(3), Loss(3));
        Assert.NotEqual(Loss(3), Loss(4));
        Assert.NotEqual(Loss(3), Loss(3, """, "Seed": 9"""));
    }

    [Fact]
    public void Rates_are_those_of_the_published_recipe()
    {
        using MeterTraining run = Begin("vqa", "", _samples);

        Assert.Equal((2.5e-5, 512, 0.1, 0.98, 0.01), (run.Plan.Rate, run.Plan.BatchSize, run.Plan.WarmUp, run.Plan.Beta2, run.Plan.WeightDecay));
        Assert.Equal(RateSchedule.Linear, run.Plan.Schedule);
        Assert.Equal(50, run.RateScale("vqa_classifier.0.bias"));
        Assert.Equal(5, run.RateScale("cross_modal_text_layers.0.attention.adapter.conv_B.weight"));
        Assert.Equal(5, run.RateScale("cross_modal_image_pooler.dense.weight"));
        Assert.Equal(1, run.RateScale("token4classifier"));
    }

    [Theory]
    [InlineData("speech", "", "there is no task 'speech' to train; there are vqa, nlvr2, snli, retrieval")]
    [InlineData("vqa", """, "AdapterWidth": 7""", "AdapterWidth is 7; give an even number")]
    [InlineData("vqa", """, "Dropout": 1""", "Dropout is 1; give 0 or more and below 1")]
    [InlineData("snli", "", "sample 1 is labelled 'red', but the labels of snli are contradiction, neutral, entailment")]
    [InlineData("nlvr2", "", "sample 1 has 1 picture(s), but nlvr2 takes 2")]
    public void A_wrong_option_or_sample_is_one_line(string task, string options, string expected)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Begin(task, options, _samples));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_step_leaves_no_tensor_behind()
    {
        long before = 0;
        for (int round = 0; round < 3; round++)
        {
            before = round == 1 ? LiveTensors.Settled() : before;
            using MeterTraining run = Begin("retrieval", """, "Negatives": 1""", _samples);
            using DisposeScope scope = NewDisposeScope();
            run.Step(1, [0, 1], CancellationToken.None);
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    private static double Step(MeterTraining run, int step)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor loss = run.Step(step, [0, 1], CancellationToken.None).Loss!;
        loss.backward();
        using (no_grad())
        {
            // Normalised gradient descent is enough to see that gradients point downhill.
            foreach (Tensor parameter in run.Parameters.Values)
            {
                if (parameter.grad is { } gradient)
                {
                    parameter.sub_(gradient.div(gradient.norm().add(1e-8)).mul(0.05));
                    gradient.zero_();
                }
            }
        }

        return loss.item<float>();
    }

    private TaskSample[] Samples(string task) => task switch
    {
        "snli" => [_samples[0] with { Labels = One("entailment") }, _samples[1] with { Labels = One("contradiction") }],
        "nlvr2"
            =>
            [
                new([_samples[0].Pictures[0], _samples[1].Pictures[0]], "a red table", One("true")),
                new([_samples[1].Pictures[0], _samples[0].Pictures[0]], "a blue sign", One("false")),
            ],
        _ => _samples,
    };

    private static Dictionary<string, double> One(string label) => new() { [label] = 1 };

    private MeterTraining Begin(string task, string options, TaskSample[] samples) => (MeterTraining)BeginAny(task, options, samples);

    private ITaskTraining BeginAny(string task, string options, TaskSample[] samples)
    {
        using JsonDocument json = JsonDocument.Parse(
            $$"""{"Task": "{{task}}", "Tokenizer": {{JsonSerializer.Serialize(_tokenizer)}}, "Heads": 2, "VisionHeads": 2, "ReplacementWidth": 12{{(options.Contains("AdapterWidth", StringComparison.Ordinal) ? "" : ", \"AdapterWidth\": 8")}}{{options}}}""");
        return new MeterFactory().BeginTraining(_checkpoint, samples, json.RootElement.Clone(), CPU, new FactoryFiles(_folder), _folder);
    }

    private IClassifier Open(IReadOnlyList<string> files)
    {
        string labels = files.Count > 2 ? $", \"Labels\": {JsonSerializer.Serialize(files[2])}" : "";
        using JsonDocument json = JsonDocument.Parse(
            $$"""{"Tokenizer": {{JsonSerializer.Serialize(_tokenizer)}}, "Heads": 2, "VisionHeads": 2, "Adapters": {{JsonSerializer.Serialize(files[0])}}, "Skip": {{JsonSerializer.Serialize(files[1])}}{{labels}}}""");
        return new MeterFactory().Open(_checkpoint, json.RootElement.Clone(), CPU, new FactoryFiles(_folder));
    }

    private string Picture(string name, byte red, byte green, byte blue)
    {
        string path = Path.Combine(_folder, name + ".png");
        Image.Filled(24, 20, red, green, blue).SavePng(path);
        return path;
    }
}
