using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Cameras;

/// <summary>The range in which a model counts its cameras: 0 to 1 from one end to the other, and beyond.</summary>
internal static class CameraRange
{
    /// <summary>The focal factor: half the picture's side at distance 1.</summary>
    // In float32 as published: the inverse of the focal length.
    public static double HalfSide(FaceSettings settings) => 1f / (float)(1 / Math.Tan(settings.FieldOfView * Math.PI / 360));

    /// <summary>The camera of a place in the range.</summary>
    /// <param name="settings">The model's.</param>
    /// <param name="u">Place in the range of yaws.</param>
    /// <param name="v">Place in the range of polar angles.</param>
    /// <param name="radius">Distance.</param>
    public static CameraPose At(FaceSettings settings, double u, double v, double radius = 1)
        => new(settings.YawLow + (u * (settings.YawHigh - settings.YawLow)), settings.PolarLow + (v * (settings.PolarHigh - settings.PolarLow)), radius);

    /// <summary>The place of a camera in the range.</summary>
    public static (double U, double V) PlaceOf(FaceSettings settings, CameraPose pose)
        => ((pose.Yaw - settings.YawLow) / (settings.YawHigh - settings.YawLow), (pose.Polar - settings.PolarLow) / (settings.PolarHigh - settings.PolarLow));

    /// <summary>The camera of a view point.</summary>
    public static CameraPose Of(ViewPoint view) => new(view.Yaw, (Math.PI / 2) - view.Pitch);

    /// <summary>The camera that a place in the range of normal numbers stands for: deviations from the middle, half a range each.</summary>
    public static CameraPose AtDeviation(FaceSettings settings, double u, double v)
        => At(settings, 0.5 + (u / 2), 0.5 + (v / 2));

    /// <summary>Cameras as training draws them: all yaws first, then all polar angles; a number for each distance is drawn, though it does not vary.</summary>
    /// <param name="settings">The model's.</param>
    /// <param name="count">How many.</param>
    /// <param name="normals">Draws yaws and polar angles.</param>
    /// <param name="uniforms">Draws distances.</param>
    public static CameraPose[] Draw(FaceSettings settings, int count, NumpyRandom normals, Func<long[], Tensor> uniforms)
    {
        double[] u = [.. Enumerable.Range(0, count).Select(_ => normals.NextNormal())];
        double[] v = [.. Enumerable.Range(0, count).Select(_ => normals.NextNormal())];
        uniforms([count]).Dispose();
        return [.. u.Zip(v, (yaw, polar) => AtDeviation(settings, yaw, polar))];
    }
}
