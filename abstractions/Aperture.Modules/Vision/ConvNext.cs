using Aperture.Decoding;
using Aperture.Kernels;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Vision;

/// <summary>
/// ConvNeXt's trunk (Liu et al. 2022), without the classifier: a stem and four stages, each half as wide and high as the one before. No norm stands behind
/// the last stage.
/// Owns its weights.
/// </summary>
public sealed class ConvNext : IDisposable
{
    private readonly Ops _ops;

    /// <summary>A ConvNeXt over loaded weights.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="weights">Weights; owned.</param>
    /// <param name="ops">Operations; borrowed.</param>
    public ConvNext(ConvNextConfig config, ConvNextWeights weights, Ops ops) => (Config, Weights, _ops) = (config, weights, ops);

    /// <summary>Sizes.</summary>
    public ConvNextConfig Config { get; }

    /// <summary>The weights.</summary>
    public ConvNextWeights Weights { get; }

    /// <summary>Runs all stages. It records gradients wherever its caller does.</summary>
    /// <param name="pixels">Normalised pixels <c>[batch, 3, height, width]</c>; borrowed, cast to the type computed in.</param>
    /// <param name="afterBlock">
    /// Gets stage, block and the map <c>[batch, C, rows, columns]</c>, borrowed, and gives its replacement of the same shape, or null to leave it; the trunk
    /// disposes
    /// replacements. Null for none.
    /// </param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns>The stem's map, then the map of each stage, the last of which is the feature; the caller disposes them.</returns>
    public IReadOnlyList<Tensor> Run(Tensor pixels, Func<int, int, Tensor, Tensor?>? afterBlock, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        using Tensor input = pixels.to(_ops.Type, _ops.Device);
        Tensor stem = Convolve(input, Weights.Stem, 4); // [B, 3, height, width] -> [B, C0, height / 4, width / 4]
        List<Tensor> maps = [Normalised(stem, Weights.StemNorm)];
        for (int stage = 0; stage < Weights.Stages.Count; stage++)
        {
            maps.Add(Stage(maps[^1], stage, afterBlock, cancellationToken));
        }

        return [.. maps.Select(map => map.MoveToOuterDisposeScope())];
    }

    /// <summary>Runs one stage.</summary>
    /// <param name="map">The map of the stage before, or the stem's; borrowed.</param>
    /// <param name="stage">The stage, from 0.</param>
    /// <param name="afterBlock">As for <see cref="Run"/>.</param>
    /// <param name="cancellationToken">Checked between blocks.</param>
    /// <returns><c>[batch, C, rows, columns]</c>; the caller disposes it.</returns>
    public Tensor Stage(Tensor map, int stage, Func<int, int, Tensor, Tensor?>? afterBlock, CancellationToken cancellationToken)
    {
        using DisposeScope scope = NewDisposeScope();
        ConvNextStageWeights weights = Weights.Stages[stage];
        Tensor x = map.alias();
        if (weights is { DownNorm: { } norm, Down: { } down })
        {
            using Tensor normed = Normalised(x, norm);
            x.Dispose();
            x = Convolve(normed, down, 2); // [B, C, rows, columns] -> [B, 2 C, rows / 2, columns / 2]
        }

        for (int block = 0; block < weights.Blocks.Count; block++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using Tensor before = x;
            x = Block(before, weights.Blocks[block]);
            if (afterBlock?.Invoke(stage, block, x) is { } replacement && !ReferenceEquals(replacement, x))
            {
                x.Dispose();
                x = replacement;
            }
        }

        return x.MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => Weights.Dispose();

    private Tensor Block(Tensor x, ConvNextBlockWeights weights)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor mixed = F.conv2d(x, weights.DepthWise.Weight, weights.DepthWise.Bias, padding: [3, 3], groups: x.size(1));
        Tensor places = weights.Norm.Run(mixed.permute(0, 2, 3, 1), Config.NormEpsilon, _ops); // [B, C, h, w] -> [B, h, w, C]
        Tensor hidden = F.gelu(weights.Up.Apply(places)); // -> [B, h, w, 4 C]
        Tensor added = weights.Down.Apply(hidden).permute(0, 3, 1, 2).mul(weights.Scale.view(1, -1, 1, 1)); // -> [B, C, h, w]
        return x.add(added).MoveToOuterDisposeScope();
    }

    private static Tensor Convolve(Tensor x, ConvNextConvolution weights, int stride) => Convolutions.Run(x, weights.Weight, weights.Bias, stride);

    // Normalises the channels of each place: [B, C, h, w].
    private Tensor Normalised(Tensor map, VisionNormWeights norm)
    {
        using Tensor places = map.permute(0, 2, 3, 1); // [B, C, h, w] -> [B, h, w, C]
        using Tensor normed = norm.Run(places, Config.NormEpsilon, _ops);
        return normed.permute(0, 3, 1, 2); // -> [B, C, h, w]
    }
}
