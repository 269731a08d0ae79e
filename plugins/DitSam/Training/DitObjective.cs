using Aperture.Decoding;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>A DIT in training, and the loss of a batch. Owns its parameters and its model.</summary>
internal sealed class DitObjective : IDisposable
{
    private readonly DitParameters _parameters;

    /// <summary>Loads a model over parameters.</summary>
    /// <param name="parameters">The parameters; owned once the constructor returns.</param>
    /// <param name="config">Its sizes and how it is run.</param>
    /// <param name="device">Where it runs.</param>
    public DitObjective(DitParameters parameters, DitConfig config, Device device)
    {
        _parameters = parameters;
        Model = new DitModel(parameters.Source, config, new WeightPolicy(device, ScalarType.Float32, ScalarType.Float32));
    }

    /// <summary>The model, which computes with the parameters.</summary>
    public DitModel Model { get; }

    /// <summary>What is trained, by published name.</summary>
    public IReadOnlyDictionary<string, Tensor> Trained => _parameters.Trained;

    /// <inheritdoc cref="DitParameters.With"/>
    public IReadOnlyDictionary<string, Tensor> With(IReadOnlyDictionary<string, Tensor> trained) => _parameters.With(trained);

    /// <summary>The loss of a batch.</summary>
    /// <param name="pixels">Normalised pixels <c>[B, 3, S, S]</c>; borrowed.</param>
    /// <param name="ids">int64 <c>[B, L]</c>; borrowed.</param>
    /// <param name="mask">int64 <c>[B, L]</c>; borrowed.</param>
    /// <param name="target">Soft masks from 0 to 1 <c>[B, 1, S, S]</c>; borrowed.</param>
    /// <param name="loss">Which loss.</param>
    /// <param name="dropout">Probability of dropping a value.</param>
    /// <param name="cancellation">Checked between layers.</param>
    /// <returns>A scalar and the share of the masks' area that is right, in the caller's scope.</returns>
    public (Tensor Loss, double Overlap) Run(
        Tensor pixels, Tensor ids, Tensor mask, Tensor target, MaskLoss loss, double dropout, CancellationToken cancellation)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor text = Model.EncodeText(ids, mask, dropout, cancellation);
        Tensor logits = Model.Run(pixels, text, new VisionRequest { Differentiable = true }, dropout, cancellation);
        Tensor wanted = target.to(ScalarType.Float32, Model.Policy.Device);
        Tensor value = MaskLosses.Of(loss, logits, wanted);
        using IDisposable quiet = no_grad();
        Tensor found = logits.gt(0), real = wanted.gt(0.5);
        double overlap = found.logical_and(real).sum().to_type(ScalarType.Float32).div(found.logical_or(real).sum().clamp_min(1)).item<float>();
        return (value.MoveToOuterDisposeScope(), overlap);
    }

    public void Dispose()
    {
        Model.Dispose();
        _parameters.Dispose();
    }
}
