using Aperture.Decoding;
using Aperture.Models;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// The weights of a ConvNeXt under timm's names; a block's scale is <c>gamma</c>, or <c>weight</c> as models with a high-resolution tower write it. Owns its
/// tensors.
/// </summary>
public sealed class ConvNextWeights : IDisposable
{
    private readonly List<(string Name, Tensor Tensor)> _named = [];
    private readonly List<IDisposable> _own = []; // matrices that are not stored dense

    private ConvNextWeights()
    {
    }

    /// <summary>The stem <c>stem.0</c> <c>[C0, 3, 4, 4]</c>.</summary>
    public ConvNextConvolution Stem { get; private set; } = null!;

    /// <summary>The norm behind the stem, <c>stem.1</c>.</summary>
    public VisionNormWeights StemNorm { get; private set; } = null!;

    /// <summary>The stages.</summary>
    public IReadOnlyList<ConvNextStageWeights> Stages { get; private set; } = [];

    /// <summary>All tensors by published name (without prefix); of matrices that are not stored dense, none.</summary>
    public IReadOnlyList<(string Name, Tensor Tensor)> Named => _named;

    /// <summary>Loads a ConvNeXt.</summary>
    /// <param name="source">
    /// The checkpoint under timm's names, or a view of one: see <see cref="ConvNextNames"/>. It must outlive the weights, whose memory it may be.
    /// </param>
    /// <param name="prefix">What stands before <c>stem</c>.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static ConvNextWeights Load(IWeightSource source, string prefix, ConvNextConfig config, WeightPolicy policy)
    {
        ConvNextWeights weights = new();
        Loader load = new(weights, source, prefix, policy with { Storage = policy.Compute });
        try
        {
            weights.Stem = load.Convolution("stem.0", config.Widths[0], 3, 4);
            weights.StemNorm = load.Norm("stem.1", config.Widths[0]);
            weights.Stages = [.. Enumerable.Range(0, config.Widths.Count).Select(stage => load.Stage(stage, config))];
            return weights;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        _own.ForEach(matrix => matrix.Dispose());
        _named.ForEach(entry => entry.Tensor.Dispose());
    }

    private sealed class Loader(ConvNextWeights weights, IWeightSource source, string prefix, WeightPolicy policy)
    {
        public ConvNextStageWeights Stage(int stage, ConvNextConfig config)
        {
            int c = config.Widths[stage];
            string name = $"stages.{stage}.";
            return new ConvNextStageWeights(
                stage == 0 ? null : Norm(name + "downsample.0", config.Widths[stage - 1]),
                stage == 0 ? null : Convolution(name + "downsample.1", c, config.Widths[stage - 1], 2),
                [.. Enumerable.Range(0, config.Depths[stage]).Select(block => Block($"{name}blocks.{block}.", c))]);
        }

        public ConvNextConvolution Convolution(string name, int outputs, int inputs, int kernel)
            => new(Tensor(name + ".weight", outputs, inputs, kernel, kernel), Tensor(name + ".bias", outputs));

        public VisionNormWeights Norm(string name, int width) => new(Tensor(name + ".weight", width), Tensor(name + ".bias", width));

        private ConvNextBlockWeights Block(string name, int c) => new(
            Convolution(name + "conv_dw", c, 1, 7),
            Norm(name + "norm", c),
            Linear(name + "mlp.fc1", 4 * c, c),
            Linear(name + "mlp.fc2", c, 4 * c),
            Tensor(name + (source.Contains(prefix + name + "gamma") ? "gamma" : "weight"), c));

        private Matrix Linear(string name, int outputs, int inputs)
        {
            if (policy.Format == WeightFormat.Stored)
            {
                Matrix dense = new DenseMatrix(Tensor(name + ".weight", outputs, inputs), Tensor(name + ".bias", outputs));
                return policy.Watched(source, $"{prefix}{name}.weight", dense);
            }

            Matrix matrix = policy.Quantized(source, $"{prefix}{name}.weight", $"{prefix}{name}.bias", outputs, inputs);
            weights._own.Add(matrix);
            return matrix;
        }

        private Tensor Tensor(string name, params long[] shape)
        {
            Tensor tensor = policy.Vector(source, prefix + name, shape);
            weights._named.Add((name, tensor));
            return tensor;
        }
    }
}

/// <summary>A convolution. Borrows its tensors.</summary>
/// <param name="Weight"><c>[out, in, side, side]</c>.</param>
/// <param name="Bias"><c>[out]</c>.</param>
public sealed record ConvNextConvolution(Tensor Weight, Tensor Bias);

/// <summary>The weights of a stage. Borrowed from the ConvNeXt's.</summary>
/// <param name="DownNorm">The norm before the down-sampling; null in the first stage.</param>
/// <param name="Down">The down-sampling, 2 by 2; null in the first stage.</param>
/// <param name="Blocks">The blocks.</param>
public sealed record ConvNextStageWeights(VisionNormWeights? DownNorm, ConvNextConvolution? Down, IReadOnlyList<ConvNextBlockWeights> Blocks);

/// <summary>The weights of a block. Borrowed from the ConvNeXt's.</summary>
/// <param name="DepthWise">The depth-wise convolution, 7 by 7.</param>
/// <param name="Norm">The norm over channels.</param>
/// <param name="Up">The first matrix <c>[4 C, C]</c>.</param>
/// <param name="Down">The second matrix <c>[C, 4 C]</c>.</param>
/// <param name="Scale">The scale <c>[C]</c> of what the block adds.</param>
public sealed record ConvNextBlockWeights(ConvNextConvolution DepthWise, VisionNormWeights Norm, Matrix Up, Matrix Down, Tensor Scale);
