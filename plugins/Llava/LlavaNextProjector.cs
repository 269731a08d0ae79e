using Aperture.Decoding;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.Llava;

/// <summary>LLaVA-1.6's projector: LLaVA's, and behind it the learned separators between rows of the tiles' grid. Owns its weights.</summary>
/// <param name="projector">The projector; owned.</param>
/// <param name="separator">The separator <c>[d]</c>; owned.</param>
/// <param name="policy">Where and in which type weights are loaded for a training.</param>
internal sealed class LlavaNextProjector(IProjector projector, Tensor separator, WeightPolicy policy) : IProjector
{
    /// <summary>The separator's name in the authors' layout.</summary>
    public const string SeparatorName = "model.image_newline";

    /// <inheritdoc/>
    public VisualTokens Project(VisionFeatures features)
    {
        using VisualTokens plain = projector.Project(features); // [tokens, inputs] -> [tokens, d]
        return TileSeparators.Add(plain.Rows, plain.Segments, separator); // [tokens, d] -> [tokens + separators, d]
    }

    /// <inheritdoc/>
    public long Macs(int rows) => projector.Macs(rows);

    /// <inheritdoc/>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => [.. projector.Named(), (SeparatorName, separator)];

    /// <inheritdoc/>
    public IProjector Over(IWeightSource parameters)
    {
        IProjector over = projector.Over(parameters);
        try
        {
            return new LlavaNextProjector(over, Load(parameters, (int)separator.size(0), policy), policy);
        }
        catch
        {
            over.Dispose();
            throw;
        }
    }

    /// <summary>Loads the separator.</summary>
    /// <param name="source">The checkpoint, or what is trained, under canonical names.</param>
    /// <param name="width">Width of the decoder.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <returns><c>[d]</c>; the caller disposes it.</returns>
    /// <exception cref="ApertureException">It is missing or has another width.</exception>
    public static Tensor Load(IWeightSource source, int width, WeightPolicy policy) => policy.Vector(source, SeparatorName, width);

    /// <summary>Disposes the weights.</summary>
    public void Dispose()
    {
        projector.Dispose();
        separator.Dispose();
    }
}
