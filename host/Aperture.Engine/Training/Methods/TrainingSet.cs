using Aperture.Decoding;
using Aperture.Engine;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>A model with labelled samples, as <see cref="MethodTrainer"/> draws batches from it. Each kind of model has its own.</summary>
public abstract class TrainingSet : ITrainingModel, IDisposable
{
    private protected TrainingSet()
    {
    }

    /// <inheritdoc />
    public abstract DecoderInfo Decoder { get; }

    /// <inheritdoc />
    public abstract IMethodFiles Files { get; }

    /// <inheritdoc />
    public abstract string OutputFolder { get; }

    /// <inheritdoc />
    public abstract int Samples { get; }

    /// <summary>The model, whose turn a training takes.</summary>
    internal abstract VisionLanguageModel Base { get; }

    /// <summary>Token ids of each sample; pictures count one.</summary>
    internal abstract IReadOnlyList<int> Lengths { get; }

    /// <summary>A name for model and samples together, by which a continued run knows that it is the same.</summary>
    internal abstract string Fingerprint { get; }

    /// <inheritdoc />
    public abstract IReadOnlyDictionary<string, Tensor> Unfreeze(Func<string, bool> wanted);

    /// <inheritdoc />
    public abstract IReadOnlyList<string> SaveCheckpoint(IReadOnlyDictionary<string, Tensor> added, Func<string, bool>? left = null);

    /// <summary>Disposes what was unfrozen.</summary>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    /// <summary>The samples of a step.</summary>
    /// <param name="samples">Their indices.</param>
    /// <param name="cancellationToken">Checked while pictures are encoded.</param>
    /// <returns>The batch; the caller disposes it.</returns>
    internal abstract IOwnedBatch Batch(int[] samples, CancellationToken cancellationToken);

    /// <summary>A name for samples, from all that they hold.</summary>
    internal static string FingerprintOf(string model, IEnumerable<TrainingExample> examples)
    {
        string text = string.Join('\n', examples.Select(example => example.Id + '\t' + example.Image + '\t' + string.Join('\t', example.Messages.Select(message => message.Value))));
        return model + " " + Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));
    }

    /// <summary>A float32 leaf with a parameter's values.</summary>
    internal static Tensor Leaf(Tensor parameter)
    {
        using IDisposable quiet = no_grad();
        Tensor leaf = empty(parameter.shape, dtype: ScalarType.Float32, device: parameter.device).DetachFromDisposeScope();
        leaf.copy_(parameter);
        leaf.requires_grad = true;
        return leaf;
    }

    private protected abstract void Release();
}

/// <summary>A batch that its drawer disposes.</summary>
internal interface IOwnedBatch : ITrainingBatch, IDisposable;
