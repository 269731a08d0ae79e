using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>What lives as long as one request: layouts as they entered the decoder, per-method state, shared tensors, trace, loss sink.</summary>
public interface IRequestContext
{
    /// <summary>Number of sequences.</summary>
    int Samples { get; }

    /// <summary>Sizes of the decoder.</summary>
    DecoderInfo Decoder { get; }

    /// <summary>The sequence of a sample as it entered the decoder. Hooks on pictures come before that.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    /// <exception cref="InvalidOperationException">The pictures are being looked at and no sequence has entered yet.</exception>
    SequenceLayout Prompt(int sample);

    /// <summary>Number of forwards on the cache since the prompt: 0 during prefill.</summary>
    int Step { get; }

    /// <summary>The state that a method made in <see cref="IDecoderMethod.Begin"/>.</summary>
    /// <typeparam name="T">The state's type.</typeparam>
    /// <param name="method">The method.</param>
    /// <exception cref="ArgumentException">The method made no state of this type.</exception>
    T State<T>(IDecoderMethod method)
        where T : class, ISequenceState;

    /// <summary>A tensor that methods share, such as raw vision features; null if nobody put one. Borrowed.</summary>
    /// <param name="name">Name of the tensor.</param>
    Tensor? Shared(string name);

    /// <summary>Shares a tensor under a name; the request owns and disposes it.</summary>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="tensor">The tensor.</param>
    void Share(string name, Tensor tensor);

    /// <summary>Fires when the request is to stop.</summary>
    CancellationToken Cancellation => CancellationToken.None;

    /// <summary>Where named values and method costs go; null when nobody listens.</summary>
    IDecoderTrace? Trace { get; }

    /// <summary>Adds a scalar to the training loss; ignored outside training.</summary>
    /// <param name="name">Name for the log.</param>
    /// <param name="loss">A scalar with gradient; the request owns it.</param>
    void AddLoss(string name, Tensor loss);
}
