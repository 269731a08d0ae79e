namespace Aperture.Text;

/// <summary>What may be done to decoded text.</summary>
public static class DecodedText
{
    private static readonly (string From, string To)[] _replacements =
    [
        (" .", "."), (" ?", "?"), (" !", "!"), (" ,", ","), (" ' ", "'"), (" n't", "n't"), (" 'm", "'m"), (" 's", "'s"), (" 've", "'ve"), (" 're", "'re"),
    ];

    /// <summary>Takes out the blanks before punctuation and English contractions, as <c>clean_up_tokenization_spaces</c> of transformers does.</summary>
    /// <param name="text">Decoded text.</param>
    public static string CleanUp(string text)
    {
        foreach ((string from, string? to) in _replacements)
        {
            text = text.Replace(from, to, StringComparison.Ordinal);
        }

        return text;
    }
}
