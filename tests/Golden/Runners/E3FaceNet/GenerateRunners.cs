using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>From noise, sentence and cameras to pictures, with every step between; with the folded enhancer too, and in slices of rays.</summary>
public sealed class GenerateRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "generate";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights());
        Tensor world = RecordedFace.World(golden, model.Config), tokens = golden.Get("in.tokens"), behind = golden.Get("in.z_bg");
        Tensor pixels = RayMaps.Pixels(model);
        using Rays rays = Rays.Through(pixels, world, CameraRange.HalfSide(model.Config.Settings));
        golden.Compare("mid.rays.pixels", pixels.expand(world.size(0), -1, -1));
        golden.Compare("mid.rays.origin", rays.Origin);
        golden.Compare("mid.rays.vector", rays.Direction);
        Tensor styles = model.Styles(golden.Get("in.z"), golden.Get("in.t"), RecordedFace.Noted(golden, "psi"));
        golden.Compare("mid.ws", styles);
        foreach (bool folded in new[] { false, true })
        {
            using PromptTables prompt = model.Prepare(tokens, folded);
            RenderSettings how = RecordedFace.Render(model) with { SliceRows = folded ? 3 : 0 };
            (Tensor low, Tensor picture) = RecordedFace.Picture(
                model, world, styles, behind, new PromptMix(prompt), how, folded ? TaskRun.Plain : RecordedFace.Comparing(golden));
            golden.Compare("out.img_nerf", low);
            golden.Compare("out.image", picture);
        }
    }
}

/// <summary>Styles held towards the mean: a picture's name says how far, and how many copies.</summary>
public sealed partial class TruncationRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "generate_truncation";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights());
        Tensor world = RecordedFace.World(golden, model.Config);
        using PromptTables prompt = model.Prepare(golden.Get("in.tokens"), folded: false);
        foreach (string name in golden.Names.Where(name => name.Contains("psi", StringComparison.Ordinal)))
        {
            (double psi, int? cutoff) = Says(name);
            Tensor styles = model.Styles(golden.Get("in.z"), golden.Get("in.t"), psi, cutoff);
            golden.Compare(name, name.StartsWith("mid.ws", StringComparison.Ordinal)
                ? styles
                : RecordedFace.Picture(
                    model, world, styles, golden.Get("in.z_bg"), new PromptMix(prompt), RecordedFace.Render(model), TaskRun.Plain).Picture);
        }
    }

    /// <summary>Truncation and cutoff in a name, such as <c>psi0.4_cutoff4</c>.</summary>
    internal static (double Psi, int? Cutoff) Says(string name)
    {
        Match match = Truncation().Match(name);
        Assert.True(match.Success, $"{name} says no truncation");
        return (
            double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture),
            match.Groups[2].Success && int.TryParse(match.Groups[2].Value, CultureInfo.InvariantCulture, out int cutoff) ? cutoff : null);
    }

    [GeneratedRegex(@"psi(\d+(?:\.\d+)?)(?:_cut(?:off)?(\w+))?$")]
    private static partial Regex Truncation();
}

/// <summary>Faces edited by another sentence: a picture's name ends with the original's weight.</summary>
public sealed class EditRunner : IGoldenRunner
{
    private const string Mark = "alpha";

    public string Area => RecordedFace.AreaName;

    public string Kind => "edit";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights());
        Tensor world = RecordedFace.World(golden, model.Config);
        Tensor styles = model.Styles(golden.Get("in.z"), golden.Get("in.t"), 0.7); // of the cases of the same weights
        foreach (bool folded in new[] { false, true })
        {
            using PromptTables original = model.Prepare(golden.Get("in.tokens"), folded), edit = model.Prepare(golden.Get("in.edit_tokens"), folded);
            foreach (string name in golden.Names.Where(name => name.StartsWith("out.image_" + Mark, StringComparison.Ordinal)))
            {
                double alpha = RecordedFace.Ending(name, Mark);
                TaskRun run = RecordedFace.Comparing(golden, "mid.", name["out.image".Length..]);
                PromptMix mix = new(edit, original, alpha);
                golden.Compare(
                    name, RecordedFace.Picture(model, world, styles, golden.Get("in.z_bg"), mix, RecordedFace.Render(model), run).Picture);
            }
        }
    }
}

/// <summary>How far the generator has grown: a picture's name ends with the number that says it.</summary>
public sealed class AlphaBufferRunner : IGoldenRunner
{
    private const string Mark = "buffer";

    public string Area => RecordedFace.AreaName;

    public string Kind => "alpha_buffer";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights(), trainable: true);
        Tensor world = RecordedFace.World(golden, model.Config);
        Tensor styles = model.Styles(golden.Get("in.z"), golden.Get("in.t"), 0.7); // of the cases of the same weights
        using PromptTables prompt = model.Prepare(golden.Get("in.tokens"), folded: true);
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.image_" + Mark, StringComparison.Ordinal)))
        {
            model.Alpha.fill_(RecordedFace.Ending(name, Mark));
            golden.Compare(name, RecordedFace.Picture(
                model, world, styles, golden.Get("in.z_bg"), new PromptMix(prompt), RecordedFace.Render(model), TaskRun.Plain).Picture);
        }
    }
}

/// <summary>Other ways of rendering, by name: points, normals and gradients, other samples, parts of the scene, a turned camera.</summary>
public sealed class RenderOptionsRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "render_options";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights());
        FaceSettings settings = model.Config.Settings;
        Tensor world = RecordedFace.World(golden, model.Config), behind = golden.Get("in.z_bg");
        Tensor styles = model.Styles(golden.Get("in.z"), golden.Get("in.t"), 0.7); // of the cases of the same weights
        RenderSettings plain = RecordedFace.Render(model);
        CheckSurface(golden, model, world, styles, behind, plain);
        using PromptTables prompt = model.Prepare(golden.Get("in.tokens"), folded: true);
        using Tensor front = CameraPose.World([.. Enumerable.Repeat(new CameraPose(0, 0.2 + (Math.PI / 2)), (int)world.size(0))]);
        using Rays fixedRays = Rays.Through(RayMaps.Pixels(model), front, CameraRange.HalfSide(settings));
        foreach (string name in golden.Names.Where(name => name.EndsWith(".image", StringComparison.Ordinal)))
        {
            string option = name["out.".Length..^".image".Length];
            Tensor? roll = option.StartsWith("theta", StringComparison.Ordinal)
                ? full(world.size(0), RecordedFace.Ending(option, "theta"), dtype: ScalarType.Float32) : null;
            RenderSettings how = option switch
            {
                "freeze_bg" => plain with { BackgroundRays = fixedRays },
                "no_bg" => plain with { Background = false },
                "only_bg" => plain with { Face = false },
                "no_hier" => plain with { Hierarchical = false },
                _ when option.StartsWith("steps", StringComparison.Ordinal) => plain with { Samples = (int)RecordedFace.Ending(option, "steps") },
                _ when roll is not null => plain,
                _ => throw new Xunit.Sdk.XunitException($"no way of rendering '{option}'"),
            };
            (Tensor Low, Tensor Picture) Render(Tensor cameras)
                => RecordedFace.Picture(model, cameras, styles, behind, new PromptMix(prompt), how, TaskRun.Plain, roll);
            (Tensor low, Tensor picture) = Render(world);
            (Tensor Low, Tensor Picture)[] moved = [Render(RecordedFace.Moved(world, 1)), Render(RecordedFace.Moved(world, -1))];
            RecordedFace.CompareSteady(golden, $"out.{option}.img_nerf", low, [.. moved.Select(other => other.Low)]);

            // A ray that moves changes the styles of all pixels a little.
            Tensor response = RecordedFace.Response(picture, [.. moved.Select(other => other.Picture)]).max();
            double largest = golden.Get(name).abs().max().item<float>();
            golden.Compare(name, picture, golden.Tolerance + (response.item<float>() / largest));
        }
    }

    private static void CheckSurface(GoldenCase golden, FaceModel model, Tensor world, Tensor styles, Tensor behind, RenderSettings how)
    {
        using Rays rays = Rays.Through(RayMaps.Pixels(model), world, CameraRange.HalfSide(model.Config.Settings));
        using FieldKernels kernels = model.Modulate(styles);
        using RenderedRays rendered = model.Renderer.Run(rays, kernels, behind, how with { KeepsSamples = true }, null, TaskRun.Plain);
        Tensor points = RayMaps.Points(rays, rendered.Depth!);
        golden.Compare("out.early_points", points);
        golden.Compare("out.early_normal", RayMaps.Normals(points), Math.Max(golden.Tolerance, 1e-3)); // as the case's notes say
        golden.Compare("out.early_gradient", RayMaps.Gradient(rays, rendered, model.Face, kernels));
    }
}
