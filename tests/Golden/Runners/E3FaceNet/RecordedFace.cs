using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Tasks;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>The generator of a case, and what its cases have in common.</summary>
internal static class RecordedFace
{
    public const string AreaName = "e3-facenet";

    private const int ChannelBase = 32768;

    /// <summary>Opens the generator of a set of weights and holds its sizes against the case's; the caller disposes it.</summary>
    public static FaceModel Open(GoldenCase golden, IWeightSource weights, bool trainable = false)
    {
        FaceConfig says = Config(golden.Config), read = FaceConfig.Read(weights, says.Settings);
        Assert.Equal(Sizes(says), Sizes(read));
        return FaceModel.Load(weights, read, CPU, trainable: trainable);
    }

    /// <summary>The sizes and settings that a case's configuration says.</summary>
    public static FaceConfig Config(JsonElement says)
    {
        int Whole(string name) => says.GetProperty(name).GetInt32();
        double Real(string name) => says.GetProperty(name).GetDouble();
        double End(string name, int index) => says.GetProperty(name)[index].GetDouble();
        List<int> resolutions = [];
        for (int side = 2 * Whole("vol"); side <= Whole("img_resolution"); side *= 2)
        {
            resolutions.Add(side);
        }

        return new FaceConfig
        {
            Noise = Whole("z_dim"),
            Text = Whole("t_dim"),
            Token = Whole("ctx_dim"),
            Style = Whole("w_dim"),
            MappingLayers = Whole("map_layers"),
            Octaves = Whole("posenc_freqs"),
            FaceWidth = Whole("fg_hidden"),
            FaceLayers = Whole("fg_blocks"),
            BackgroundWidth = Whole("bg_hidden"),
            BackgroundLayers = Whole("bg_blocks"),
            BackgroundNoise = Whole("z_bg"),
            Features = Whole("rgb_out"),
            Volume = Whole("vol"),
            Resolutions = resolutions,
            Channels = [.. resolutions.Select(side => Math.Min(ChannelBase / side, Whole("channel_max")))],
            AttentionWidth = Whole("heads") * Whole("head_dim"),
            Settings = new FaceSettings
            {
                Heads = Whole("heads"),
                RaySamples = Whole("n_ray"),
                BackgroundSamples = Whole("n_bg"),
                Near = End("depth_range", 0),
                Far = End("depth_range", 1),
                FieldOfView = Real("fov"),
                YawLow = End("range_u", 0),
                YawHigh = End("range_u", 1),
                PolarLow = End("range_v", 0),
                PolarHigh = End("range_v", 1),
                BackgroundStart = Real("bg_start"),
                Clamp = Real("conv_clamp"),
                MappingRate = Real("lr_multiplier"),
                StyleDecay = Real("w_avg_beta"),
                MagnitudeDecay = Real("magnitude_ema_beta"),
                RegularisedSide = Whole("n_reg"),
            },
        };
    }

    /// <summary>Tensors of a part of the generator; the caller disposes it.</summary>
    public static WeightLoader Loader(GoldenCase golden) => new(golden.Weights(), new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), _ => true);

    /// <summary>The number behind a word in a case's notes, such as psi.</summary>
    public static double Noted(GoldenCase golden, string word)
    {
        Match found = Regex.Match(golden.Meta.GetProperty("notes").GetString()!, word + @" (\d+(?:\.\d+)?)");
        Assert.True(found.Success, $"{golden.Name}: the notes say no {word}");
        return double.Parse(found.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>The number that a name ends with, behind a mark.</summary>
    public static double Ending(string name, string mark)
        => double.Parse(name[(name.LastIndexOf(mark, StringComparison.Ordinal) + mark.Length)..], CultureInfo.InvariantCulture);

    /// <summary>The case's cameras; those that its configuration says the places of are held against ours.</summary>
    public static Tensor World(GoldenCase golden, FaceConfig config)
    {
        Tensor world = golden.Get("in.camera_world");
        if (golden.Has("in.camera_inv_intrinsics"))
        {
            Assert.Equal(golden.Get("in.camera_inv_intrinsics")[0, 0, 0].item<float>(), CameraRange.HalfSide(config.Settings), 1e-6);
        }

        if (golden.Config.TryGetProperty("uv", out JsonElement places) && places.GetArrayLength() == world.size(0))
        {
            CameraPose[] poses = [.. places.EnumerateArray().Select(place => CameraRange.At(config.Settings, place[0].GetDouble(), place[1].GetDouble()))];
            using Tensor own = CameraPose.World(poses);
            Assert.True(allclose(own, world, rtol: 0, atol: 1e-6), $"{golden.Name}: the cameras differ");
        }

        return world;
    }

    /// <summary>
    /// Cameras moved by the last bit of their places. Fields oscillate hundreds of times along a ray, and where importance samples fall depends on densities
    /// near zero, so that a few rays answer to it with more than any tolerance: their recorded values are those of one rounding among several.
    /// </summary>
    public static Tensor Moved(Tensor world, double sign)
    {
        const double bit = 5.9604644775390625e-8; // 2^-24, the step of float32 below 1
        Tensor moved = world.clone();
        moved.narrow(1, 0, 3).narrow(2, 3, 1).add_(sign * bit);
        return moved;
    }

    /// <summary>Compares values but for those that move by more than the tolerance with the last bit of the cameras; these must be few.</summary>
    public static void CompareSteady(GoldenCase golden, string name, Tensor actual, IReadOnlyList<Tensor> moved)
    {
        const double most = 0.05;
        Tensor expected = golden.Get(name);
        Tensor unsteady = Response(actual, moved).gt(golden.Tolerance * expected.abs().max().item<float>());
        double share = unsteady.to(ScalarType.Float32).mean().item<float>();
        Assert.True(share <= most, $"{golden.Name}: {name}: {share:P1} of the values move with the last bit of the cameras");
        golden.Compare(name, where(unsteady, expected, actual));
    }

    /// <summary>How far values move with the last bit of the cameras.</summary>
    public static Tensor Response(Tensor actual, IReadOnlyList<Tensor> moved)
        => stack([.. moved.Select(other => other.sub(actual).abs())]).amax([0]);

    /// <summary>The settings of a rendering as the model's; the caller changes what its case says.</summary>
    public static RenderSettings Render(FaceModel model) => new()
    {
        Samples = model.Growth.IsUntold ? Growth.UntoldSamples : model.Config.Settings.RaySamples,
        BackgroundSamples = model.Config.Settings.BackgroundSamples,
    };

    /// <summary>A call whose values are compared with a case's: value <c>x</c> with <c>prefix + x</c> where the case holds it.</summary>
    public static TaskRun Comparing(GoldenCase golden, string prefix = "mid.", string suffix = "")
        => new() { Trace = new Comparison(golden, prefix, suffix) };

    /// <summary>Pictures of the case's faces: colours of the rays and the picture. The caller disposes them.</summary>
    public static (Tensor Low, Tensor Picture) Picture(
        FaceModel model, Tensor world, Tensor styles, Tensor behind, PromptMix prompt, RenderSettings how, TaskRun run, Tensor? roll = null)
    {
        Tensor pixels = RayMaps.Pixels(model);
        Rays rays = Rays.Through(roll is null ? pixels : PixelGrid.Turned(pixels, roll), world, CameraRange.HalfSide(model.Config.Settings));
        RenderedRays rendered = model.Renderer.Run(rays, model.Modulate(styles), behind, how, noise: null, run);
        if (rendered.Depth is { } depth)
        {
            run.Value("nerf.depth", depth.squeeze(-1));
        }

        (Tensor low, Tensor map) = RayMaps.Of(rendered.Features, rays.Rows);
        Upsampled made = model.Upsampler.Run(
            map, low, model.BlockStyles(styles), new UpsamplingInput { Growth = model.Growth, Prompt = prompt }, run);
        return (low, made.Picture);
    }

    /// <summary>Compares gradients: within the tolerance and an absolute part, because some nearly cancel.</summary>
    public static void CompareGradients(
        GoldenCase golden, string prefix, double absolute, Func<string, Tensor?> gradient, Func<string, Tensor?>? moved = null)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            Tensor expected = golden.Get(name), actual = gradient(name[prefix.Length..]) ?? throw new Xunit.Sdk.XunitException($"{name}: no gradient");
            double largest = expected.abs().max().item<float>();
            double allowed = absolute + (moved?.Invoke(name[prefix.Length..]) is { } other ? other.sub(actual).abs().max().item<float>() : 0);
            golden.Compare(name, actual, golden.Tolerance + (largest > 0 ? allowed / largest : allowed));
        }
    }

    private static string Sizes(FaceConfig config)
        => config with { Resolutions = [], Channels = [], Settings = new() } + $" {string.Join(' ', config.Resolutions)} / {string.Join(' ', config.Channels)}";

    private sealed class Comparison(GoldenCase golden, string prefix, string suffix) : ITaskTrace
    {
        public bool Wants(string name) => golden.Has(prefix + name + suffix);

        public void Value(string name, Tensor value) => golden.Compare(prefix + name + suffix, value);
    }
}
