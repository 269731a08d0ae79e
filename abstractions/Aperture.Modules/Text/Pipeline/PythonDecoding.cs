namespace Aperture.Text;

/// <summary>
/// Decoding as the Python classes of transformers do it: tokens that were added on top of the vocabulary stand alone, what lies between them
/// is joined by the class's own rule, and the parts are joined with or without blanks.
/// </summary>
internal static class PythonDecoding
{
    public static Func<List<(string Token, AddedToken? Added)>, string> Grouped(
        Func<List<string>, string> join, bool blanks, SpecialTokenSet special, int baseEnd)
        => tokens =>
    {
        List<string> parts = new();
        List<string> run = new();
        foreach ((string token, AddedToken? added) in tokens)
        {
            if (!StandsAlone(added, special, baseEnd))
            {
                run.Add(token);
                continue;
            }

            if (run.Count > 0 && join(run) is { Length: > 0 } text)
            {
                parts.Add(text);
            }

            run.Clear();
            parts.Add(token);
        }

        if (run.Count > 0)
        {
            parts.Add(join(run));
        }

        return string.Join(blanks ? " " : "", parts);
    };

    /// <summary>Whether a token is one of those that were added on top and are no special token of the base vocabulary.</summary>
    public static bool StandsAlone(AddedToken? added, SpecialTokenSet special, int baseEnd)
        => added is not null && (!added.Special || (!special.IsRole(added.Content) && added.Id >= baseEnd));

    public static string ByteLevel(List<string> tokens) => TokenDecoders.ByteLevel([string.Concat(tokens)])[0];

    public static string ByteLevelWithEndOfWord(List<string> tokens) => ByteLevel(tokens).Replace("</w>", " ", StringComparison.Ordinal).Trim();

    public static string WordPiece(List<string> tokens) => string.Join(' ', tokens).Replace(" ##", "", StringComparison.Ordinal).Trim();
}
