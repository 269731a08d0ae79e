using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Training;

namespace Aperture.Plugins;

/// <summary>
/// A model together with questions about pictures, for commands of plugins that look into it. Calls come from one thread; each waits for its turn on the
/// model, so that none may be made inside another.
/// </summary>
public interface ISampledModel : ICalibrationModel
{
    /// <summary>Element type, device, threads and processor: figures name them.</summary>
    MeasuredOn MeasuredOn { get; }

    /// <summary>The pipelines over the model that the user gave, in order; empty where none.</summary>
    IReadOnlyList<ISampledPipeline> Pipelines { get; }

    /// <summary>What a question asks.</summary>
    /// <param name="sample">Index of the sample.</param>
    SampledQuestion Question(int sample);

    /// <summary>Runs the prompt of one sample, alone in its batch, with methods and a listener. Nothing is generated.</summary>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="methods">What acts; borrowed.</param>
    /// <param name="trace">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    void RunPrefill(int sample, IReadOnlyList<IDecoderMethod> methods, IDecoderTrace? trace, CancellationToken cancellationToken);

    /// <summary>Answers one question greedily.</summary>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="methods">What acts; borrowed.</param>
    /// <param name="maxNewTokens">Longest answer.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <returns>The new token ids.</returns>
    int[] Answer(int sample, IReadOnlyList<IDecoderMethod> methods, int maxNewTokens, CancellationToken cancellationToken);

    /// <summary>The text of token ids, without special tokens, trimmed.</summary>
    /// <param name="tokens">The ids.</param>
    string Text(IReadOnlyList<int> tokens);

    /// <summary>
    /// Runs code on a forward over a prompt and a given answer, without a cache and without gradients: it may be moved layer by layer, cut and forked.
    /// </summary>
    /// <typeparam name="T">What it gives.</typeparam>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="answer">The token ids of the answer; all but the last enter the forward.</param>
    /// <param name="use">Gets the forward before its first layer; borrowed for the call.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    T Forced<T>(int sample, IReadOnlyList<int> answer, Func<IDecoderRun, T> use, CancellationToken cancellationToken);
}

/// <summary>A question of a sampled model.</summary>
/// <param name="Id">What tells it from the others.</param>
/// <param name="Text">What is asked.</param>
/// <param name="Answer">The right answer; null where the file gives none.</param>
/// <param name="Type">The kind of question; empty where the file gives none.</param>
public sealed record SampledQuestion(string Id, string Text, string? Answer, string Type);
