using Aperture.Plugins.Eas.Adapters;
using Aperture.Training;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Training;

/// <summary>Forwards of a batch through the adapted decoder.</summary>
internal static class AdapterStep
{
    /// <summary>
    /// The mean loss of a batch in training: routers and pools read what the base's do (LLaVA: the prompt only), hidden values are dropped at random.
    /// </summary>
    /// <param name="model">The model.</param>
    /// <param name="batch">The samples.</param>
    /// <param name="parameters">The adapters; borrowed.</param>
    /// <param name="skipped">Layers without attention.</param>
    /// <param name="dropout">Fraction of hidden values to drop.</param>
    /// <param name="seed">Seed of what is dropped.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>A scalar with gradient; the caller disposes it.</returns>
    public static Tensor Loss(
        ITrainingModel model, ITrainingBatch batch, AdapterParameters parameters, IReadOnlySet<int> skipped, double dropout, ulong seed,
        CancellationToken cancellationToken)
    {
        using Generator generator = new(seed, CPU);
        EasSettings settings = new() { Query = parameters.Query, Dropout = dropout > 0 ? new SeededDropout(dropout, generator) : null };
        return Run(model, batch, parameters.Adapters, skipped, settings, cancellationToken);
    }

    /// <summary>
    /// What the search compares, without gradients. LLaVA-EAS's runs as at inference: routers and pools read all rows, answers included, and nothing is
    /// dropped. LaVIN-EAS's runs as in training.
    /// </summary>
    /// <inheritdoc cref="Loss"/>
    public static double Evaluate(
        ITrainingModel model, ITrainingBatch batch, AdapterParameters parameters, IReadOnlySet<int> skipped, double dropout, ulong seed,
        CancellationToken cancellationToken)
    {
        using IDisposable quiet = no_grad();
        using Tensor loss = parameters.Base.ComparesInTraining
            ? Loss(model, batch, parameters, skipped, dropout, seed, cancellationToken)
            : Run(model, batch, parameters.Adapters, skipped, new EasSettings(), cancellationToken);
        return loss.item<float>();
    }

    /// <summary>A seed for one step of a run.</summary>
    public static ulong Seed(long seed, int step) => unchecked(((ulong)seed * 0x9E3779B97F4A7C15) ^ ((ulong)(step + 1) * 0xD1B54A32D192ED03)) >> 1;

    private static Tensor Run(
        ITrainingModel model, ITrainingBatch batch, EasAdapters adapters, IReadOnlySet<int> skipped, EasSettings settings, CancellationToken cancellationToken)
    {
        using EasRouter router = new(adapters, skipped, settings, ownsAdapters: false);
        using IDecoderRun run = batch.Begin([router]);
        run.RunTo(model.Decoder.Layers, cancellationToken);
        return run.NextTokenLoss();
    }
}
