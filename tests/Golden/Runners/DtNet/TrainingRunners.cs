using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Plugins.DtNet.Model;
using Aperture.Plugins.DtNet.Paths;
using Aperture.Plugins.DtNet.Search;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DtNet;

/// <summary>Cross-entropy: loss, all gradients, what batch norms took in, and the parameters after one step.</summary>
public sealed class CrossEntropyRunner : IGoldenRunner
{
    private const string Batch = "out.after_one_forward.", After = "out.after.";

    public string Area => "dtnet";

    public string Kind => "xe_loss";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using CaptionModel model = RecordedCaptioner.Open(golden, golden.Weights(), trainable: true);
        Dictionary<string, Tensor> parameters = model.Trained.ToDictionary(pair => pair.Name, pair => pair.Tensor.requires_grad_(true));
        golden.Compare("out.loss_eval", Loss(golden, model, training: null));

        Tensor loss = Loss(golden, model, new Regularisation(0));
        golden.Compare("out.loss", loss);
        Dictionary<string, Tensor> state = model.State.ToDictionary(pair => pair.Name, pair => pair.Tensor);
        foreach (string name in golden.Names.Where(name => name.StartsWith(Batch, StringComparison.Ordinal)))
        {
            golden.Compare(name, state[name[Batch.Length..]]);
        }

        loss.backward();
        RecordedCaptioner.CompareGradients(golden, "out.grad.", parameters);
        string[] without = [.. golden.Meta.GetProperty("no_gradient").EnumerateArray().Select(name => name.GetString()!).Order(StringComparer.Ordinal)];
        Assert.Equal(
            without,
            parameters.Where(pair => pair.Value.grad is null).Select(pair => pair.Key).Append("decoder.pos_emb.weight").Order(StringComparer.Ordinal));
        Step(golden, model, parameters);
    }

    private static Tensor Loss(GoldenCase golden, CaptionModel model, Regularisation? training)
    {
        using IDisposable? quiet = training is null ? no_grad() : null;
        Tensor ids = golden.Get("in.ids");
        EncodedGrid encoded = model.Encoder.Run(golden.Get("in.features"), RoutePlan.Soft, training, TaskRun.Plain);
        return CaptionLosses.CrossEntropy(model.Decoder.Run(ids, encoded, training, TaskRun.Plain), ids, model.Config.Special.Padding);
    }

    // The optimizer of every training, with the settings of the captioner's plan. Where a gradient is rounding noise, Adam makes a whole step of it.
    private static void Step(GoldenCase golden, CaptionModel model, Dictionary<string, Tensor> parameters)
    {
        double absolute = golden.Meta.GetProperty("grad_atol").GetDouble(), rate = golden.Config.GetProperty("lr").GetDouble();
        HashSet<string> noise =
        [
            .. parameters.Where(pair => pair.Value.grad is { } gradient && gradient.abs().min().item<float>() <= 10 * absolute).Select(pair => pair.Key),
        ];
        TrainingPlan plan = new CaptionTrainingOptions { Rate = rate }.PlanFor(1);
        using (AdamW optimizer = new(parameters, _ => 1, AdamSettings.Of(plan)))
        {
            optimizer.Step(rate);
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith(After, StringComparison.Ordinal)))
        {
            string key = name[After.Length..];
            if (!parameters.TryGetValue(key, out Tensor? parameter))
            {
                parameter = model.Tensors.Single(pair => pair.Name == key).Tensor;
            }

            double largest = Math.Max(1e-12, golden.Get(name).abs().max().item<float>());
            golden.Compare(name, parameter, noise.Contains(key) ? golden.Tolerance + (2 * rate / largest) : golden.Tolerance);
        }

        if (golden.Has("out.loss_after_step"))
        {
            golden.Compare("out.loss_after_step", Loss(golden, model, new Regularisation(0)));
        }
    }
}

/// <summary>Self-critical training: beams with gradients, their rewards, the loss and all gradients.</summary>
public sealed class SelfCriticalRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "scst_loss";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using CaptionModel model = RecordedCaptioner.Open(golden, golden.Weights(), trainable: true);
        Dictionary<string, Tensor> parameters = model.Trained.ToDictionary(pair => pair.Name, pair => pair.Tensor.requires_grad_(true));
        int beams = golden.Config.GetProperty("beam").GetInt32(), steps = golden.Config.GetProperty("steps").GetInt32();
        using CaptionEnsemble ensemble = new([model], golden.Get("in.features"), RoutePlan.Soft, new Regularisation(0), TaskRun.Plain);
        SearchResult found = BeamSearch.Run(ensemble, beams, steps);
        golden.CompareExact("mid.ids", found.Ids);
        golden.Compare("mid.log_probs", found.LogProbabilities);

        KeyValuePair<string, IReadOnlyList<string>>[] captions = [.. RecordedCaptions.Lists(golden.Meta.GetProperty("hypotheses"))];
        KeyValuePair<string, IReadOnlyList<string>>[] references = [.. RecordedCaptions.Lists(golden.Meta.GetProperty("references"))];
        CaptionedItem[] items = [.. captions.Zip(references, (caption, reference) => new CaptionedItem(caption.Key, caption.Value.Single(), reference.Value))];
        Cider cider = new([.. RecordedCaptions.Lists(golden.Meta.GetProperty("train_references")).Select(pair => pair.Value)]);
        Tensor reward = tensor([.. cider.ScoreAll(items).Each.Select(score => (float)score)], golden.Get("mid.reward").shape);
        golden.Compare("mid.reward", reward);
        Tensor loss = CaptionLosses.SelfCritical(found.LogProbabilities, reward);
        golden.Compare("out.loss", loss);
        loss.backward();
        RecordedCaptioner.CompareGradients(golden, "out.grad.", parameters);
    }
}

/// <summary>The local cell alone: in use, folded, and in training with gradients and statistics.</summary>
public sealed class LocalPerceptronRunner : IGoldenRunner
{
    private const string After = "out.train_after.", Gradient = "out.train_grad.";

    public string Area => "dtnet";

    public string Kind => "local_perceptron";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = golden.Get("in.x");
        CaptionConfig config = Sizes(golden.Config);
        using (Decoding.WeightLoader loader = Loader(golden))
        using (LocalBlock block = new(loader, golden.Weights(), "repblock.", config))
        using (no_grad())
        {
            golden.Compare("out.eval", block.Gated(x, training: null, gate: null));
            block.Fold();
            golden.Compare("out.eval", block.Gated(x, training: null, gate: null));
        }

        if (golden.Has("out.official_deploy_wrong"))
        {
            golden.NotCompared("out.official_deploy_wrong", "the official folding takes the wrong norm and forgets the border; ours gives out.eval");
        }

        Train(golden, x.requires_grad_(true), config);
    }

    private static void Train(GoldenCase golden, Tensor x, CaptionConfig config)
    {
        using Decoding.WeightLoader loader = Loader(golden);
        using LocalBlock block = new(loader, golden.Weights(), "repblock.", config);
        Dictionary<string, Tensor> parameters = loader.Tensors.Where(pair => !pair.Key.Contains("running_", StringComparison.Ordinal))
            .ToDictionary(pair => pair.Key, pair => pair.Value.requires_grad_(true));
        Tensor gated = block.Gated(x, new Regularisation(0), gate: null);
        golden.Compare("out.train", gated);
        gated.flatten().mul(linspace(-1, 1, gated.numel())).sum().backward();
        RecordedCaptioner.CompareGradients(golden, Gradient, parameters);
        if (golden.Has("out.train_grad_x"))
        {
            golden.Compare("out.train_grad_x", x.grad!);
        }

        Dictionary<string, Tensor> state = block.State.ToDictionary(pair => pair.Name, pair => pair.Tensor);
        foreach (string name in golden.Names.Where(name => name.StartsWith(After, StringComparison.Ordinal)))
        {
            golden.Compare(name, state[name[After.Length..]]);
        }
    }

    private static Decoding.WeightLoader Loader(GoldenCase golden)
        => new(golden.Weights(), new Decoding.WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), _ => true);

    private static CaptionConfig Sizes(JsonElement config) => new()
    {
        Features = 1,
        Width = config.GetProperty("d_model").GetInt32(),
        Heads = 1,
        KeySize = 1,
        ValueSize = 1,
        Inner = 1,
        EncoderLayers = 1,
        DecoderLayers = 1,
        Vocabulary = 1,
        Positions = 1,
        Grid = config.GetProperty("grid").GetInt32(),
        Squeezed = 1,
        RouterRows = 1,
        RouterChannels = 1,
    };
}

/// <summary>The ways in which grid vectors are changed for training, for given seeds.</summary>
public sealed class AugmentationRunner : IGoldenRunner
{
    private const double Chance = 0.3;

    public string Area => "dtnet";

    public string Kind => "augmentation";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        foreach (string name in golden.Names.Where(name => name.Contains(".seed", StringComparison.Ordinal)))
        {
            string[] parts = name.Split('.');
            NumpyRandom random = new(uint.Parse(parts[2]["seed".Length..], System.Globalization.CultureInfo.InvariantCulture));
            Tensor features = golden.Get("in.features").clone();
            golden.Compare(name, parts[1] switch
            {
                "addPepperSaltNoise" => FeatureAugmentation.AddNoise(features, random, Chance),
                "resizePool" => FeatureAugmentation.Pool(features, random, Chance),
                "randomCrop" => FeatureAugmentation.Crop(features, random, Chance),
                "randRotate" => FeatureAugmentation.Rotate(features, random, Chance),
                "randnChooseOne4" => FeatureAugmentation.Run(features, random),
                _ => throw new Xunit.Sdk.XunitException($"no augmentation '{parts[1]}'"),
            });
        }

        foreach (string name in golden.Names.Where(name => name.StartsWith("out.np_random_sequence.", StringComparison.Ordinal)))
        {
            Sequence(golden, name);
        }
    }

    // The case does not say the seed of the sequence: it must be one of the small ones that it uses elsewhere.
    private static void Sequence(GoldenCase golden, string name)
    {
        string[] draws = name[(name.LastIndexOf('.') + 1)..].Split('_');
        float[] expected = golden.Get(name).data<float>().ToArray();
        uint seed = Enumerable.Range(0, 1000).Select(value => (uint)value).First(value => Draw(draws, new NumpyRandom(value))[0] == expected[0]
            && Math.Abs(Draw(draws, new NumpyRandom(value))[1] - expected[1]) < 1e-5);
        golden.Compare(name, tensor(Draw(draws, new NumpyRandom(seed))));
    }

    private static float[] Draw(string[] draws, NumpyRandom random) =>
    [
        .. draws.Select(draw => draw switch
        {
            "randn" => (float)random.NextNormal(),
            "rand" => (float)random.NextUniform(),
            _ => random.Next(int.Parse(draw["randint".Length..], System.Globalization.CultureInfo.InvariantCulture)),
        }),
    ];
}

/// <summary>The learning rate of every epoch.</summary>
public sealed class LearningRateRunner : IGoldenRunner
{
    public string Area => "dtnet";

    public string Kind => "lr_schedule";

    public void Run(GoldenCase golden)
        => golden.Compare(
            "out.lr_times_1e6",
            tensor([.. Enumerable.Range(0, (int)golden.Get("out.lr_times_1e6").size(0)).Select(epoch => (float)(OfficialRates.Of(epoch) * 1e6))]));
}
