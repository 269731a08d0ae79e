using System.Text;

namespace Aperture.Text;

/// <summary>SentencePiece's normalisation: character map, blanks as U+2581, the dummy prefix, squeezing of blanks.</summary>
internal sealed class SentencePieceNormalizer(SentencePieceFile file)
{
    private const string Space = "\u2581";

    public string Normalize(string text, bool addDummyPrefix)
    {
        List<string> pieces = Pieces(text);
        int at = 0;
        if (file.RemoveExtraWhitespace)
        {
            while (at < pieces.Count && pieces[at] == " ")
            {
                at++;
            }
        }

        if (at == pieces.Count)
        {
            return "";
        }

        string blank = file.EscapeWhitespace ? Space : " ";
        StringBuilder result = new(text.Length + 1);
        if (addDummyPrefix && !file.WhitespaceAsSuffix)
        {
            result.Append(blank);
        }

        bool afterSpace = file.RemoveExtraWhitespace;
        for (; at < pieces.Count; at++)
        {
            ReadOnlySpan<char> piece = pieces[at].AsSpan();
            while (afterSpace && piece.StartsWith(' '))
            {
                piece = piece[1..];
            }

            if (!piece.IsEmpty)
            {
                foreach (char c in piece)
                {
                    if (c == ' ')
                    {
                        result.Append(blank);
                    }
                    else
                    {
                        result.Append(c);
                    }
                }

                afterSpace = piece[^1] == ' ';
            }

            afterSpace &= file.RemoveExtraWhitespace;
        }

        if (file.RemoveExtraWhitespace)
        {
            while (result.Length > 0 && result[^1] == blank[0])
            {
                result.Length--;
            }
        }

        if (addDummyPrefix && file.WhitespaceAsSuffix)
        {
            result.Append(blank);
        }

        return result.ToString();
    }

    /// <summary>The normalised forms of the longest mapped prefixes, one after the other.</summary>
    private List<string> Pieces(string text)
    {
        List<string> pieces = new(text.Length);
        byte[] utf8 = file.Map is null ? [] : Encoding.UTF8.GetBytes(text);
        int at = 0;
        for (int i = 0; i < text.Length;)
        {
            int length = file.UserDefined(text, i);
            if (length > 0)
            {
                pieces.Add(text.Substring(i, length));
            }
            else if (file.Map is not null && file.Map.TryMatch(utf8.AsSpan(at), out int bytes, out ReadOnlySpan<byte> replacement))
            {
                pieces.Add(Encoding.UTF8.GetString(replacement));
                length = Encoding.UTF8.GetCharCount(utf8, at, bytes);
            }
            else
            {
                Rune.DecodeFromUtf16(text.AsSpan(i), out Rune rune, out length);
                pieces.Add(rune.ToString());
            }

            at += file.Map is null ? 0 : Encoding.UTF8.GetByteCount(text.AsSpan(i, length));
            i += length;
        }

        return pieces;
    }
}
