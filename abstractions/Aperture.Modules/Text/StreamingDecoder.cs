namespace Aperture.Text;

/// <summary>
/// Decodes ids one by one as they are generated. Text is held back while it ends in an incomplete character, so that the parts joined are the
/// decoded whole. Not safe for several threads.
/// </summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="skipSpecialTokens">Whether special tokens are left out.</param>
public sealed class StreamingDecoder(ITokenizer tokenizer, bool skipSpecialTokens = true)
{
    /// <summary>More tokens than this never belong to one character; the text is then broken for good and given out as it is.</summary>
    private const int MaxHeldBack = 16;

    private readonly List<int> _ids = [];
    private int _context;
    private int _done;

    /// <summary>Takes the next id.</summary>
    /// <param name="id">The id.</param>
    /// <returns>The text that it completes; empty while a character is incomplete.</returns>
    /// <exception cref="ApertureException">The id is not in the vocabulary.</exception>
    public string Append(int id)
    {
        _ids.Add(id);
        (string? before, string? now) = Texts();
        if (now.EndsWith('\uFFFD') && _ids.Count - _done < MaxHeldBack)
        {
            return "";
        }

        return Release(before, now);
    }

    /// <summary>Gives out what is still held back, incomplete characters as U+FFFD.</summary>
    public string Flush()
    {
        (string? before, string? now) = Texts();
        return Release(before, now);
    }

    private (string Before, string Now) Texts()
    {
        List<int> context = _ids.GetRange(_context, _done - _context);
        return (tokenizer.Decode(context, skipSpecialTokens), tokenizer.Decode(_ids.GetRange(_context, _ids.Count - _context), skipSpecialTokens));
    }

    private string Release(string before, string now)
    {
        // The released text becomes the context of the next: a blank in front of a first token is dropped, one in front of a later token is not.
        string text = now.StartsWith(before, StringComparison.Ordinal) ? now[before.Length..] : now;
        if (text.Length > 0 || _done == 0)
        {
            _context = _done;
        }

        _done = _ids.Count;
        return text;
    }
}
