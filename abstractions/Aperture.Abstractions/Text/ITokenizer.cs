namespace Aperture.Text;

/// <summary>
/// Turns text into token ids and back, exactly as the tokenizer files of a published checkpoint define it.
/// Implementations are immutable and may be shared between threads.
/// </summary>
public interface ITokenizer
{
    /// <summary>One more than the highest id that decodes to a token, added tokens included.</summary>
    int VocabularySize { get; }

    /// <summary>Id of the begin-of-sequence token, or null when the vocabulary names none.</summary>
    int? BeginId { get; }

    /// <summary>Id of the end-of-sequence token, or null when the vocabulary names none.</summary>
    int? EndId { get; }

    /// <summary>Id of the padding token, or null when the vocabulary names none.</summary>
    int? PadId { get; }

    /// <summary>Id of the unknown token, or null when the vocabulary names none.</summary>
    int? UnknownId { get; }

    /// <summary>Encodes a text. Special tokens that are written out in the text become their ids.</summary>
    /// <param name="text">The text.</param>
    /// <param name="addSpecialTokens">Whether to add the ends that the checkpoint adds by itself, such as the begin-of-sequence token.</param>
    /// <returns>The ids, a new array.</returns>
    int[] Encode(string text, bool addSpecialTokens = true);

    /// <summary>Decodes ids into text without any clean-up of blanks. Bytes that are no UTF-8 become U+FFFD.</summary>
    /// <param name="ids">The ids.</param>
    /// <param name="skipSpecialTokens">Whether special tokens are left out of the text.</param>
    /// <returns>The text.</returns>
    /// <exception cref="ApertureException">An id is not in the vocabulary.</exception>
    string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true);

    /// <summary>The token with an id as the vocabulary file spells it, or null when there is none.</summary>
    /// <param name="id">The id.</param>
    string? TokenOf(int id);

    /// <summary>The id of a token as the vocabulary file spells it, or null when there is none.</summary>
    /// <param name="token">The token.</param>
    int? IdOf(string token);

    /// <summary>Whether an id is a special token: one that skipping special tokens leaves out.</summary>
    /// <param name="id">The id.</param>
    bool IsSpecial(int id);
}
