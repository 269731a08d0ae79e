namespace Aperture.Generation;

/// <summary>Changes the logits of one sequence's next token in place.</summary>
internal interface ILogitsProcessor
{
    /// <summary>Changes the logits.</summary>
    /// <param name="logits">One float32 value a token of the vocabulary; minus infinity excludes a token.</param>
    /// <param name="ids">Ids seen before and generated.</param>
    /// <param name="generated">How many of the ids, the last ones, were generated.</param>
    void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated);
}
