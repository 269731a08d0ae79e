using System.Globalization;
using System.Text;

namespace Aperture.Host.Repl;

/// <summary>Turns the bytes of a terminal into keys: UTF-8, control characters, the escape sequences of xterm and its kin, bracketed paste.</summary>
internal sealed class KeyReader(IEditorTerminal terminal)
{
    private const byte EscapeByte = 0x1b;
    private static readonly byte[] _pasteEnd = "\x1b[201~"u8.ToArray();
    private readonly Queue<byte> _bytes = new();
    private bool _ended;

    /// <summary>A lone Esc is one that nothing follows for so long.</summary>
    public static TimeSpan SequenceGap { get; } = TimeSpan.FromMilliseconds(40);

    /// <summary>Whether a key can be read without waiting.</summary>
    public bool HasInput => _bytes.Count > 0 || Fill(TimeSpan.Zero);

    /// <summary>The next key, or null if none was pressed in time.</summary>
    public KeyPress? Next(TimeSpan wait)
    {
        if (_bytes.Count == 0 && !Fill(wait))
        {
            return _ended ? new KeyPress(Key.EndOfInput) : null;
        }

        byte first = _bytes.Dequeue();
        return first == EscapeByte ? AfterEscape() : Plain(first);
    }

    private KeyPress AfterEscape()
    {
        if (!Available())
        {
            return new KeyPress(Key.Escape);
        }

        byte next = _bytes.Dequeue();
        switch (next)
        {
            case (byte)'[':
                return ControlSequence();
            case (byte)'O':
                return Available() ? Named((char)_bytes.Dequeue(), KeyModifiers.None) : new KeyPress(Key.Text, "O", KeyModifiers.Alt);
            case EscapeByte:
                return new KeyPress(Key.Escape);
            default:
                KeyPress key = Plain(next);
                return key with { Modifiers = key.Modifiers | KeyModifiers.Alt };
        }
    }

    // ESC [ numbers, separated by semicolons, and a final character.
    private KeyPress ControlSequence()
    {
        StringBuilder parameters = new StringBuilder();
        char final = '\0';
        while (Available())
        {
            char c = (char)_bytes.Dequeue();
            if (c is >= '@' and <= '~')
            {
                final = c;
                break;
            }

            parameters.Append(c);
        }

        int[] numbers = [.. parameters.ToString().Split(';').Select(p => int.TryParse(p, NumberStyles.None, CultureInfo.InvariantCulture, out int n) ? n : 0)];
        KeyModifiers modifiers = numbers.Length > 1 && numbers[1] > 0 ? (KeyModifiers)((numbers[1] - 1) & 7) : KeyModifiers.None;
        return final switch
        {
            '~' when numbers[0] == 200 => new KeyPress(Key.Paste, ReadPaste()),
            '~' when numbers[0] == 27 && numbers.Length > 2 => OfCode(numbers[2], modifiers),
            '~' => new KeyPress(Numbered(numbers[0]), "", modifiers),
            'u' => OfCode(numbers[0], modifiers),
            'Z' => new KeyPress(Key.Tab, "", KeyModifiers.Shift),
            _ => Named(final, modifiers),
        };
    }

    private static KeyPress Named(char final, KeyModifiers modifiers) => new(
        final switch
        {
            'A' => Key.Up,
            'B' => Key.Down,
            'C' => Key.Right,
            'D' => Key.Left,
            'H' => Key.Home,
            'F' => Key.End,
            'P' => Key.F1,
            'M' => Key.Enter,
            _ => Key.Unknown,
        },
        "",
        modifiers);

    private static Key Numbered(int number) => number switch
    {
        1 or 7 => Key.Home,
        2 => Key.Insert,
        3 => Key.Delete,
        4 or 8 => Key.End,
        5 => Key.PageUp,
        6 => Key.PageDown,
        11 => Key.F1,
        _ => Key.Unknown,
    };

    // The form in which newer terminals send keys that had no code of their own, such as Ctrl+Enter.
    private static KeyPress OfCode(int code, KeyModifiers modifiers) => code switch
    {
        13 => new KeyPress(Key.Enter, "", modifiers),
        9 => new KeyPress(Key.Tab, "", modifiers),
        27 => new KeyPress(Key.Escape, "", modifiers),
        127 => new KeyPress(Key.Backspace, "", modifiers),
        > 31 when Rune.IsValid(code) => new KeyPress(Key.Text, new Rune(code).ToString(), modifiers),
        _ => new KeyPress(Key.Unknown),
    };

    private KeyPress Plain(byte first) => first switch
    {
        0x0d or 0x0a => new KeyPress(Key.Enter),
        0x09 => new KeyPress(Key.Tab),
        0x7f => new KeyPress(Key.Backspace),
        0x08 => new KeyPress(Key.Backspace, "", KeyModifiers.Control),
        0x00 => new KeyPress(Key.Text, " ", KeyModifiers.Control),
        < 0x1b => new KeyPress(Key.Text, ((char)('a' + first - 1)).ToString(), KeyModifiers.Control),
        < 0x20 => new KeyPress(Key.Text, ((char)('@' + first)).ToString(), KeyModifiers.Control),
        < 0x80 => new KeyPress(Key.Text, ((char)first).ToString()),
        _ => new KeyPress(Key.Text, Character(first)),
    };

    private string Character(byte first)
    {
        List<byte> bytes = [first];
        int length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
        while (bytes.Count < length && Available() && (_bytes.Peek() & 0xc0) == 0x80)
        {
            bytes.Add(_bytes.Dequeue());
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private string ReadPaste()
    {
        List<byte> bytes = [];
        while (Available())
        {
            bytes.Add(_bytes.Dequeue());
            if (bytes.Count >= _pasteEnd.Length && bytes[^_pasteEnd.Length..].SequenceEqual(_pasteEnd))
            {
                bytes.RemoveRange(bytes.Count - _pasteEnd.Length, _pasteEnd.Length);
                break;
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    private bool Available() => _bytes.Count > 0 || Fill(SequenceGap);

    private bool Fill(TimeSpan wait)
    {
        Span<byte> buffer = stackalloc byte[4096];
        int count = _ended ? -1 : terminal.Read(buffer, wait);
        _ended = count < 0;
        for (int i = 0; i < count; i++)
        {
            _bytes.Enqueue(buffer[i]);
        }

        return count > 0;
    }
}
