using System.Text.Json;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Metrics;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>Recorded random numbers, handed out in the order in which they were drawn.</summary>
internal sealed class RecordedNoise(GoldenCase golden, string prefix, int skipped = 0) : IRenderNoise
{
    private readonly Queue<string> _names = new(golden.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
        .Order(StringComparer.Ordinal).Skip(skipped));

    public bool IsEmpty => _names.Count == 0;

    public Tensor Uniform(params long[] shape) => Next("rand", shape);

    public Tensor Normal(params long[] shape) => Next("randn", shape);

    private Tensor Next(string function, long[] shape)
    {
        string name = _names.Dequeue();
        Assert.Equal(function, name.Split('.')[^1].Replace("_like", "", StringComparison.Ordinal));
        Tensor drawn = golden.Get(name);
        Assert.Equal(shape, drawn.shape);
        return drawn.alias();
    }
}

/// <summary>A forward in training with recorded random numbers: pictures, losses, gradients and running means.</summary>
public sealed class TrainForwardRunner : IGoldenRunner
{
    private const string After = "out.after.";

    public string Area => RecordedFace.AreaName;

    public string Kind => "train_forward";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights(), trainable: true);
        Dictionary<string, Tensor> trained = model.Tensors.Where(pair => !FaceModel.IsBuffer(pair.Key))
            .ToDictionary(pair => pair.Key, pair => pair.Value.requires_grad_(true));
        Tensor styles = model.Mapping.Copies(model.Mapping.Run(golden.Get("in.z"), golden.Get("in.t"), training: true), model.Config.Styles);
        styles.retain_grad();
        RecordedNoise noise = new(golden, "in.rnd.");
        PromptTables prompt = model.Prepare(golden.Get("in.tokens"), folded: false);
        TrainingPicture made = new TrainingRenderer(model).Run(
            styles, new PromptMix(prompt), RecordedFace.World(golden, model.Config), golden.Get("in.z_bg"), noise);
        Assert.True(noise.IsEmpty);
        Tensor path = made.PathLoss!, offsets = FaceLosses.OffsetNorm(made.Offsets), geometry = FaceLosses.Geometry(made.Points);
        golden.Compare("out.image", made.Picture);
        golden.Compare("out.img_nerf", made.Low);
        golden.Compare("out.reg_loss", path);
        golden.Compare("out.norm_delta_loss", offsets);
        golden.Compare("out.smooth_loss", FaceLosses.PointSmoothness(made.Points));
        golden.Compare("out.smooth_loss_v2", FaceLosses.DepthSmoothness(made.Depth));
        golden.Compare("out.smooth_loss_v3", geometry);
        Tensor total = made.Picture.mul(golden.Get("in.proj")).sum().add(geometry.mul(3)).add(path.mean()).add(offsets); // as the case's notes say
        golden.Compare("out.total", total);
        total.backward();
        double absolute = golden.Meta.GetProperty("grad_atol").GetDouble();
        RecordedFace.CompareGradients(golden, "out.grad.", absolute, name => trained[name].grad);
        RecordedFace.CompareGradients(golden, "out.grad_ws", absolute, _ => styles.grad);
        foreach (string name in golden.Names.Where(name => name.StartsWith(After, StringComparison.Ordinal)))
        {
            golden.Compare(name, model.Tensors[name[After.Length..]]);
        }
    }
}

/// <summary>The discriminator, grown and while it grows.</summary>
public sealed class DiscriminatorRunner : IGoldenRunner
{
    private const string Mark = "out.alpha", Real = ".gen_logits", Match = ".match_logits";

    public string Area => RecordedFace.AreaName;

    public string Kind => "discriminator";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        FaceConfig config = RecordedFace.Config(golden.Config);
        using FaceDiscriminator judge = FaceDiscriminator.Load(golden.Weights(), config.Volume, config.Settings.Clamp, CPU);
        Tensor pictures = golden.Get("in.img"), text = golden.Get("in.t");
        golden.Compare("mid.cmap", judge.Mapped(text));
        Compare(golden, "out", judge.Run(pictures, text));
        Compare(golden, "out.batch2", judge.Run(pictures.narrow(0, 0, 2), text.narrow(0, 0, 2)));
        foreach (string name in golden.Names.Where(name => name.StartsWith(Mark, StringComparison.Ordinal) && name.EndsWith(Real, StringComparison.Ordinal)))
        {
            judge.Alpha.fill_(double.Parse(name[Mark.Length..^Real.Length]));
            Compare(golden, name[..^Real.Length], judge.Run(pictures, text));
        }
    }

    private static void Compare(GoldenCase golden, string prefix, Judgement judgement)
    {
        golden.Compare(prefix + Real, judgement.Real);
        golden.Compare(prefix + Match, judgement.Match);
    }
}

/// <summary>The three phases of a training step with recorded random numbers, each from the same weights: losses and all gradients.</summary>
public sealed class TrainingLossesRunner : IGoldenRunner
{
    // First a number for distances and draws of no numbers, which are not recorded; then two latents, each drawn twice.
    private const int DrawnBefore = 5, LatentDraws = 4;

    private double _gamma, _weight, _decay;

    // Whether cameras are moved by their last bit: gradients that answer to it jump where an activation bends.
    private double _move;

    public string Area => RecordedFace.AreaName;

    public string Kind => "training_losses";

    public void Run(GoldenCase golden)
    {
        _gamma = golden.Config.GetProperty("r1_gamma").GetDouble();
        _weight = golden.Config.GetProperty("pl_weight").GetDouble();
        _decay = golden.Config.GetProperty("pl_decay").GetDouble();
        golden.NotCompared("in.*.rnd.00.rand", "numbers for distances that do not vary");
        foreach (int draw in Enumerable.Range(DrawnBefore, LatentDraws))
        {
            golden.NotCompared($"in.*.rnd.{draw:00}.randn", "latents; the used one is an input of its own");
        }

        golden.Get("in.camera_inv_intrinsics");
        Phase(golden, "Gmain", Generating);
        Phase(golden, "Greg", Lengths);
        Phase(golden, "Dboth", Discriminating);
    }

    private void Phase(GoldenCase golden, string phase, Func<GoldenCase, FaceModel, FaceDiscriminator, RecordedNoise, Tensor> loss)
    {
        using DisposeScope scope = NewDisposeScope();
        _move = 1;
        Dictionary<string, Tensor> moved = Gradients(golden, phase, loss);
        _move = 0;
        Dictionary<string, Tensor> gradients = Gradients(golden, phase, loss);
        RecordedFace.CompareGradients(
            golden, $"out.{phase}.grad.", golden.Meta.GetProperty("grad_atol").GetProperty(phase).GetDouble(), gradients.GetValueOrDefault,
            moved.GetValueOrDefault);
    }

    private static Dictionary<string, Tensor> Gradients(
        GoldenCase golden, string phase, Func<GoldenCase, FaceModel, FaceDiscriminator, RecordedNoise, Tensor> loss)
    {
        IWeightSource weights = golden.Weights();
        using FaceModel model = RecordedFace.Open(golden, weights.Under("G."), trainable: true);
        FaceConfig config = model.Config;
        using FaceDiscriminator judge = FaceDiscriminator.Load(weights.Under("D."), config.Volume, config.Settings.Clamp, CPU);
        bool generates = phase[0] == 'G';
        Dictionary<string, Tensor> trained = (generates ? model.Tensors : judge.Tensors).Where(pair => !FaceModel.IsBuffer(pair.Key))
            .ToDictionary(pair => pair.Key, pair => pair.Value.requires_grad_(true));
        RecordedNoise noise = new(golden, $"in.{phase}.rnd.", 1 + LatentDraws);
        loss(golden, model, judge, noise).backward();
        Assert.True(noise.IsEmpty, phase);
        return trained.Where(pair => pair.Value.grad is not null).ToDictionary(pair => pair.Key, pair => pair.Value.grad!.clone());
    }

    private void Check(GoldenCase golden, string name, Tensor value)
    {
        if (_move == 0)
        {
            golden.Compare(name, value);
        }
    }

    private (TrainingPicture Made, Tensor Styles) Make(GoldenCase golden, string phase, FaceModel model, RecordedNoise noise)
    {
        Tensor world = RecordedFace.Moved(golden.Get($"in.{phase}.camera_world"), _move);
        long faces = world.size(0);
        Tensor style = model.Mapping.Run(golden.Get("in.z").narrow(0, 0, faces), golden.Get("in.t").narrow(0, 0, faces), training: true);
        Tensor styles = model.Mapping.Copies(style, model.Config.Styles);
        PromptTables prompt = model.Prepare(golden.Get("in.tokens").narrow(0, 0, faces), folded: false);
        TrainingPicture made = new TrainingRenderer(model).Run(styles, new PromptMix(prompt), world, golden.Get($"in.{phase}.z_bg"), noise);
        Check(golden, $"mid.{phase}.img", made.Picture);
        Check(golden, $"mid.{phase}.reg_loss", made.PathLoss!);
        Check(golden, $"mid.{phase}.norm_delta_loss", FaceLosses.OffsetNorm(made.Offsets));
        return (made, styles);
    }

    private Tensor Generating(GoldenCase golden, FaceModel model, FaceDiscriminator judge, RecordedNoise noise)
    {
        TrainingPicture made = Make(golden, "Gmain", model, noise).Made;
        Tensor geometry = FaceLosses.Geometry(made.Points);
        Check(golden, "mid.Gmain.smooth_loss", geometry);
        Judgement judgement = judge.Run(made.Picture, golden.Get("in.t"));
        Check(golden, "mid.Gmain.gen_logits.0", judgement.Real);
        Check(golden, "mid.Gmain.match_logits.0", judgement.Match);
        Tensor logits = nn.functional.adaptive_avg_pool2d(made.Picture, [2, 2]).flatten(1).matmul(golden.Get("in.clip_stub")); // as the case's notes say
        Tensor loss = FaceLosses.Convincing(judgement).add(FaceLosses.Matching(logits)).add(geometry).add(made.PathLoss!.mean())
            .add(FaceLosses.OffsetNorm(made.Offsets)).mean();
        Check(golden, "out.Gmain.loss_Gmain", loss);
        return loss;
    }

    private Tensor Lengths(GoldenCase golden, FaceModel model, FaceDiscriminator judge, RecordedNoise noise)
    {
        (TrainingPicture made, Tensor styles) = Make(golden, "Greg", model, noise);
        Tensor usual = zeros([]);
        Tensor loss = FaceLosses.PathLength(made.Picture, styles, noise.Normal(made.Picture.shape), usual, _decay).mul(_weight).mean();
        Check(golden, "out.Greg.loss_Gpl", loss);
        Check(golden, "out.Greg.pl_mean", usual);
        return loss;
    }

    private Tensor Discriminating(GoldenCase golden, FaceModel model, FaceDiscriminator judge, RecordedNoise noise)
    {
        TrainingPicture made;
        using (no_grad())
        {
            made = Make(golden, "Dboth", model, noise).Made;
        }

        Judgement fake = judge.Run(made.Picture, golden.Get("in.t"));
        Tensor loss = FaceLosses.Exposing(fake).add(made.PathLoss!.mean()).mean();
        Check(golden, "out.Dboth.loss_Dgen", loss);
        Tensor real = golden.Get("in.real_img").clone().requires_grad_(true);
        Judgement judgement = judge.Run(real, golden.Get("in.real_t"));
        Check(golden, "mid.Dboth.gen_logits.0", fake.Real);
        Check(golden, "mid.Dboth.match_logits.0", fake.Match);
        Check(golden, "mid.Dboth.gen_logits.1", judgement.Real);
        Check(golden, "mid.Dboth.match_logits.1", judgement.Match);
        Tensor convincing = FaceLosses.Convincing(judgement).add(FaceLosses.Steepness(judgement, real, _gamma).unsqueeze(1)).mean();
        Check(golden, "out.Dboth.loss_Dr1", convincing);
        return loss.add(convincing);
    }
}

/// <summary>FID, precision and recall of given features.</summary>
public sealed class FidRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "fid";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor real = golden.Get("in.real"), made = golden.Get("in.gen");
        using FeatureStatistics expected = FeatureStatistics.Of(real), actual = FeatureStatistics.Of(made);
        golden.Compare("mid.mean_real", expected.Mean);
        golden.Compare("mid.cov_real", expected.Covariance);
        golden.Compare("out.fid", tensor((float)FeatureStatistics.Distance(actual, expected)));
        int neighbour = golden.Config.GetProperty("nhood").GetInt32();
        golden.Compare("out.precision", tensor((float)FeatureManifold.Share(real, made, neighbour)));
        golden.Compare("out.recall", tensor((float)FeatureManifold.Share(made, real, neighbour)));
    }
}
