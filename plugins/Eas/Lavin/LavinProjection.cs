using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// LaVIN's own small weights: the projection of class tokens to decoder rows (linear, SiLU, linear) and the embedding of the modality token. Owns its tensors.
/// </summary>
internal sealed class LavinProjection : IProjector
{
    private const string First = "adapter_proj.conv_A", Second = "adapter_proj.conv_B", Embedding = "adapter_modality_embedding.weight";
    private readonly Matrix _first;
    private readonly Matrix _second;
    private readonly WeightPolicy _policy;

    private LavinProjection(Matrix first, Matrix second, Tensor modalities, WeightPolicy policy)
        => (_first, _second, Modalities, _policy) = (first, second, modalities, policy);

    /// <summary>Embeddings of the modality token <c>[2, d]</c>: row 0 for text alone, row 1 for a picture.</summary>
    public Tensor Modalities { get; }

    /// <inheritdoc/>
    public long Macs(int rows) => rows * (_first.RowMacs + _second.RowMacs);

    /// <summary>Loads the weights.</summary>
    /// <param name="adapters">The adapter file.</param>
    /// <param name="inputs">Width of the tower.</param>
    /// <param name="outputs">Width of the decoder.</param>
    /// <param name="policy">Where and in which type.</param>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static LavinProjection Load(IWeightSource adapters, int inputs, int outputs, WeightPolicy policy)
    {
        List<Tensor> loaded = [];
        Tensor Load(string name, params long[] shape)
        {
            Tensor tensor = policy.Vector(adapters, name, shape);
            loaded.Add(tensor);
            return tensor;
        }

        try
        {
            int hidden = (int)adapters.Describe(First + ".weight").Shape[0];
            return new LavinProjection(
                new DenseMatrix(Load(First + ".weight", hidden, inputs), Load(First + ".bias", hidden)),
                new DenseMatrix(Load(Second + ".weight", outputs, hidden), Load(Second + ".bias", outputs)),
                Load(Embedding, 2, outputs),
                policy);
        }
        catch
        {
            loaded.ForEach(tensor => tensor.Dispose());
            throw;
        }
    }

    /// <summary>Whether a name in an adapter file is one of these weights.</summary>
    /// <param name="name">The name.</param>
    public static bool Owns(string name) => name == Embedding || name.StartsWith("adapter_proj.", StringComparison.Ordinal);

    /// <inheritdoc/>
    public VisualTokens Project(VisionFeatures features) => new(Run(features.Tokens), features.Segments); // [taps, C] -> [taps, d]

    /// <inheritdoc/>
    public IProjector Over(IWeightSource parameters) => Load(parameters, _first.Inputs, _second.Outputs, _policy);

    /// <summary>Projects class tokens.</summary>
    /// <param name="taps">Rows <c>[…, C]</c>; borrowed.</param>
    /// <returns>Rows <c>[…, d]</c>; the caller disposes them.</returns>
    public Tensor Run(Tensor taps)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor hidden = F.silu(_first.Apply(taps));
        return _second.Apply(hidden).MoveToOuterDisposeScope();
    }

    /// <summary>All tensors by published name, for training and saving.</summary>
    public IEnumerable<(string Name, Tensor Tensor)> Named() => [.. _first.Named(First), .. _second.Named(Second), (Embedding, Modalities)];

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
        Modalities.Dispose();
    }
}
