using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.GammaMod.Calibration;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Training;

/// <summary>Where a training begins: the MoD layers and the router's first values.</summary>
internal static class RouterStart
{
    /// <summary>The layers that options name, else the checkpoint's, else those that a calibration found, else the published models' mode.</summary>
    public static int[] Layers(GammaModTrainingOptions options, ITrainingModel model, CheckpointSettings checkpoint)
    {
        DecoderInfo decoder = model.Decoder;
        if (LayerModes.Named(options.Layers, decoder.Model, decoder.Layers) is { } named)
        {
            return named;
        }

        if (checkpoint.Layers is { } published)
        {
            return LayerModes.Checked(published, CheckpointSettings.LayersPlace, decoder.Model, decoder.Layers);
        }

        if (model.Files.Checkpoint is { } source && RouterWeights.Find(source) is { Count: > 0 } routers)
        {
            return LayerModes.Checked([.. routers.Keys], "the checkpoint's routers", decoder.Model, decoder.Layers);
        }

        return ArankFile.LayersFor(model.Files.ModelFolder, decoder.Model, decoder.Layers) ?? LayerModes.Of(LayerModes.Published, decoder.Layers);
    }

    /// <summary>
    /// The router's first values: the checkpoint's where it has a router, else drawn as officially (uniform within 1/√d; Mini-Gemini: Xavier's range).
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="seed">Seed of what is drawn.</param>
    /// <param name="miniGemini">Whether Mini-Gemini's range is drawn from.</param>
    /// <returns>float32 <c>[2, d]</c>, a leaf that requires gradients; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The checkpoint's routers are of another width.</exception>
    public static Tensor Weight(ITrainingModel model, long seed, bool miniGemini)
    {
        int d = model.Decoder.HiddenSize;
        if (model.Files.Checkpoint is { } source && RouterWeights.Find(source) is { Count: > 0 } routers)
        {
            using RouterWeights loaded = RouterWeights.Load(source, routers, null, model.Decoder);
            return Leaf(loaded.CopyOf(loaded.Layers[0]));
        }

        using Generator generator = new((ulong)seed, CPU);
        using Tensor unit = rand([2, d], dtype: ScalarType.Float32, generator: generator);
        double bound = miniGemini ? Math.Sqrt(6.0 / (d + 2)) : 1 / Math.Sqrt(d);
        using Tensor twice = unit.mul(2 * bound);
        return Leaf(twice.sub(bound));
    }

    private static Tensor Leaf(Tensor values)
    {
        values.requires_grad = true;
        return values.DetachFromDisposeScope();
    }
}
