namespace Aperture.Plugins;

/// <summary>A pipeline of methods over a <see cref="ISampledModel"/>.</summary>
public interface ISampledPipeline
{
    /// <summary>How a table names it: its methods with their options.</summary>
    string Label { get; }

    /// <summary>Answers one question greedily.</summary>
    /// <param name="sample">Index of the sample.</param>
    /// <param name="maxNewTokens">Longest answer.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    SampledAnswer Ask(int sample, int maxNewTokens, CancellationToken cancellationToken);
}

/// <summary>What a pipeline answered.</summary>
/// <param name="Text">The answer, without special tokens, trimmed.</param>
/// <param name="VisualTokens">Visual tokens that entered the decoder.</param>
/// <param name="VisualTokensByLayer">Visual tokens that left each decoder layer of the prefill.</param>
public sealed record SampledAnswer(string Text, int VisualTokens, IReadOnlyList<int> VisualTokensByLayer);
