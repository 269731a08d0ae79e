using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>Draws the signature of the call that the cursor is in, the current parameter marked.</summary>
internal static class SignatureRows
{
    public static IReadOnlyList<string> Draw(CodeSignatures signatures, Theme theme, int width)
    {
        CodeSignature active = signatures.Items[signatures.Active];
        string count = signatures.Items.Count > 1 ? $"{signatures.Active + 1}/{signatures.Items.Count} " : "";
        IEnumerable<string> parameters = active.Parameters.Select(
            (p, i) => i == signatures.ActiveParameter ? $"{theme.Strong}{p.Text}{theme.Reset}{theme.Dim}" : p.Text);
        bool fits = count.Length + active.ToString().Length < width;
        string signature = fits
            ? active.Head + string.Join(", ", parameters) + active.Tail
            : Short(active, signatures.ActiveParameter, theme, width - count.Length);
        List<string> rows = [$"{theme.Dim}{count}{signature}"];
        string words = signatures.ActiveParameter < active.Parameters.Count ? active.Parameters[signatures.ActiveParameter].Documentation : "";
        if ((words.Length > 0 ? words : active.Summary) is { Length: > 0 } documentation)
        {
            rows.Add(theme.Dim + Cut(documentation, width - 1));
        }

        return rows;
    }

    // Too long for a row: the name and the current parameter.
    private static string Short(CodeSignature signature, int active, Theme theme, int width)
    {
        string parameter = active < signature.Parameters.Count ? Cut(signature.Parameters[active].Text, width / 2) : "";
        string head = Cut(signature.Head, width - parameter.Length - 4);
        return $"{head}…{theme.Strong}{parameter}{theme.Reset}{theme.Dim}…{signature.Tail}";
    }

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..Math.Max(0, length - 1)] + "…";
}
