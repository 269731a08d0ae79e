using Aperture.Plugins.E3FaceNet;
using Aperture.Plugins.E3FaceNet.Cameras;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>The published programs from a seed on: a turn of a face and of its edit, and the two circles.</summary>
public sealed class DemoProgramRunner : IGoldenRunner
{
    private const double CircleTemperature = 0.72; // which that program sets, and leaves to what follows it

    public string Area => RecordedFace.AreaName;

    public string Kind => "demo_program";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using FaceModel model = RecordedFace.Open(golden, golden.Weights());
        int steps = golden.Config.GetProperty("n_steps").GetInt32();
        long seed = golden.Config.GetProperty("seed").GetInt64();
        double truncation = golden.Config.GetProperty("truncation_psi").GetDouble(), alpha = golden.Config.GetProperty("assist_alpha").GetDouble();
        FaceOptions options = new() { ShareBackground = false, Enhancer = FaceOptions.Direct };
        ViewPoint[] turn = FaceViews.Turn(steps, golden.Config.GetProperty("relative_range_u_scale").GetDouble() * 0.3);
        FaceInputs drawn = FaceInputs.Draw(seed, model.Config, options.Temperature, true, CPU);
        Rendered both = Render(golden, model, options, drawn, truncation, alpha, turn, edits: true);
        golden.Compare("mid.z", FaceNoise.Face(seed, model.Config.Noise));
        golden.Compare("out.camera_world", CameraPose.World([.. turn.Select(CameraRange.Of)]));
        golden.Compare("out.gen", both.Pictures);
        golden.Compare("out.edit", both.Edited!);
        CompareBytes(golden, "out.gen_uint8", FaceRendering.Bytes(both.Pictures));
        CompareBytes(golden, "out.edit_uint8", FaceRendering.Bytes(both.Edited!));

        ViewPoint[] circle = FaceViews.Circle(steps);
        golden.Compare("out.camera3", Seeded(golden, model, options with { Temperature = CircleTemperature }, seed, truncation, circle).Pictures);
        Tensor styles = model.Styles(FaceNoise.Face(seed, model.Config.Noise), golden.Get("in.t"), truncation);
        golden.Compare("out.both", WithNormals(model, Seeded(golden, model, options, seed, truncation, circle).Pictures, styles, circle));
    }

    private static Rendered Seeded(GoldenCase golden, FaceModel model, FaceOptions options, long seed, double truncation, ViewPoint[] views)
        => Render(golden, model, options, FaceInputs.Draw(seed, model.Config, options.Temperature, false, CPU), truncation, 1, views, edits: false);

    private static Rendered Render(
        GoldenCase golden, FaceModel model, FaceOptions options, FaceInputs noise, double truncation, double alpha, ViewPoint[] views, bool edits)
    {
        FaceInputs inputs = noise with
        {
            Pooled = golden.Get("in.t"),
            Tokens = golden.Get("in.tokens"),
            EditTokens = edits ? golden.Get("in.edit_tokens") : null,
        };
        List<Tensor> pictures = [], edited = [];
        FaceRendering rendering = new(model, options, TaskRun.Plain)
        {
            Raw = (picture, change) =>
            {
                pictures.Add(picture.clone().DetachFromDisposeScope());
                edited.AddRange(change is null ? [] : [change.clone().DetachFromDisposeScope()]);
            },
        };
        rendering.Run(inputs, new FacePlan("", edits ? "" : null, alpha, truncation, 0, views));
        Rendered rendered = new(cat(pictures), edits ? cat(edited) : null);
        pictures.ForEach(picture => picture.Dispose());
        edited.ForEach(picture => picture.Dispose());
        return rendered;
    }

    // Each picture, and below it the normals of its surface, stretched to its size.
    private static Tensor WithNormals(FaceModel model, Tensor pictures, Tensor styles, ViewPoint[] views)
    {
        Tensor world = CameraPose.World([.. views.Select(CameraRange.Of)]);
        using Rays rays = Rays.Through(RayMaps.Pixels(model), world, CameraRange.HalfSide(model.Config.Settings));
        using FieldKernels kernels = model.Modulate(styles);
        using RenderedRays shown = model.Renderer.Run(
            rays, kernels, zeros(1, model.Config.BackgroundNoise), RecordedFace.Render(model), null, TaskRun.Plain);
        Tensor normals = RayMaps.Normals(RayMaps.Points(rays, shown.Depth!));
        Tensor large = F.interpolate(normals, [pictures.size(2), pictures.size(3)], mode: InterpolationMode.Bicubic, align_corners: true);
        return stack([pictures, large], 1).flatten(0, 1); // [B, 2, 3, H, W] -> [2 B, 3, H, W]
    }

    // Bytes may differ by one where a value lies on the border of two.
    private static void CompareBytes(GoldenCase golden, string name, Tensor bytes)
    {
        Tensor difference = golden.Get(name).to(ScalarType.Int32).sub(bytes.to(ScalarType.Int32)).abs();
        Assert.True(difference.max().item<int>() <= 1, name);
        golden.Compare(name, bytes.to(ScalarType.Float32), 1.0 / golden.Get(name).max().item<byte>());
    }

    private sealed record Rendered(Tensor Pictures, Tensor? Edited);
}
