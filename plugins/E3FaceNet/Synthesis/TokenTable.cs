using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>
/// What an enhancer needs of a sentence's tokens, computed once for all views. Either keys and values, or these multiplied into what stands beside them, since
/// of the attention's output one number a pixel is used: queries and keys are one matrix, and each token is worth one number to each head. Owns its tensors.
/// </summary>
internal sealed record TokenTable : IDisposable
{
    /// <summary>Keys, <c>[B, T, A]</c>; null where folded.</summary>
    public Tensor? Keys { get; init; }

    /// <summary>Values, <c>[B, T, A]</c>; null where folded.</summary>
    public Tensor? Values { get; init; }

    /// <summary>Channels to logits, scaled, <c>[B, C, heads T]</c>; null unless folded.</summary>
    public Tensor? Logits { get; init; }

    /// <summary>What a token is worth to a head, <c>[B, heads T, 1]</c>; null unless folded.</summary>
    public Tensor? Worth { get; init; }

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Keys?.Dispose();
        Values?.Dispose();
        Logits?.Dispose();
        Worth?.Dispose();
    }
}

/// <summary>The tables of a sentence, one a block. Owns them.</summary>
/// <param name="Blocks">The tables.</param>
internal sealed record PromptTables(IReadOnlyList<TokenTable> Blocks) : IDisposable
{
    /// <summary>Disposes the tables.</summary>
    public void Dispose()
    {
        foreach (TokenTable table in Blocks)
        {
            table.Dispose();
        }
    }
}

/// <summary>The sentences that a picture follows, mixed. Borrows its tables.</summary>
/// <param name="Main">The sentence.</param>
/// <param name="Other">Another; null for none.</param>
/// <param name="OtherWeight">The other one's weight; the rest is the first one's.</param>
internal sealed record PromptMix(PromptTables Main, PromptTables? Other = null, double OtherWeight = 0);
