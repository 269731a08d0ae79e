using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Text;

/// <summary>A text as a BERT-like encoder takes it: opening token, words, closing token, padding, all of one length.</summary>
/// <param name="Ids">The ids.</param>
/// <param name="Mask">1 for tokens, 0 for padding.</param>
public sealed record EncoderText(int[] Ids, int[] Mask)
{
    /// <summary>Encodes a text; what does not fit is cut off before the closing token.</summary>
    /// <param name="tokenizer">A tokenizer that puts one token before a text and one behind it: BERT's, RoBERTa's or CLIP's.</param>
    /// <param name="text">The text.</param>
    /// <param name="length">Number of ids, at least 2.</param>
    /// <param name="padId">What to pad with; null for the tokenizer's own padding.</param>
    /// <exception cref="ApertureException">The tokenizer is of another kind, or has no padding token.</exception>
    public static EncoderText Encode(ITokenizer tokenizer, string text, int length, int? padId = null)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 2);
        int[] ends = tokenizer.Encode("");
        if (ends.Length != 2)
        {
            throw new ApertureException(
                $"A text encoder needs a tokenizer that puts one token before a text and one behind it, but this one adds {ends.Length}; use the tokenizer "
                + "of the encoder's checkpoint.");
        }

        int padding = padId
            ?? tokenizer.PadId
            ?? throw new ApertureException("The tokenizer names no padding token; use the tokenizer of the encoder's checkpoint.");
        int[] words = tokenizer.Encode(text, addSpecialTokens: false);
        int kept = Math.Min(words.Length, length - 2);
        int[] ids = new int[length], mask = new int[length];
        ids.AsSpan().Fill(padding);
        ids[0] = ends[0];
        words.AsSpan(0, kept).CopyTo(ids.AsSpan(1));
        ids[kept + 1] = ends[1];
        mask.AsSpan(0, kept + 2).Fill(1);
        return new EncoderText(ids, mask);
    }

    /// <summary>Texts of one length as tensors.</summary>
    /// <param name="texts">At least one text.</param>
    /// <returns>int64 <c>[B, N]</c> each; the caller disposes them.</returns>
    public static (Tensor Ids, Tensor Mask) Batch(IReadOnlyList<EncoderText> texts)
    {
        Tensor Rows(Func<EncoderText, int[]> part)
            => tensor([.. texts.SelectMany(text => part(text).Select(value => (long)value))], [texts.Count, texts[0].Ids.Length]);
        return (Rows(text => text.Ids), Rows(text => text.Mask));
    }
}
