using Aperture.Host.Repl;

namespace Aperture.Scripting.Tests.Repl;

public class KeyReaderTests
{
    [Theory]
    [InlineData("a", "Text", "a", 0)]
    [InlineData("é", "Text", "é", 0)]
    [InlineData("🥾", "Text", "🥾", 0)]
    [InlineData("\r", "Enter", "", 0)]
    [InlineData("\n", "Enter", "", 0)]
    [InlineData("\u0003", "Text", "c", 4)]
    [InlineData("\0", "Text", " ", 4)]
    [InlineData("\u001f", "Text", "_", 4)]
    [InlineData("\x7f", "Backspace", "", 0)]
    [InlineData("\x1b", "Escape", "", 0)]
    [InlineData("\x1b\r", "Enter", "", 2)]
    [InlineData("\x1b" + "b", "Text", "b", 2)]
    [InlineData("\x1b[A", "Up", "", 0)]
    [InlineData("\x1bOA", "Up", "", 0)]
    [InlineData("\x1b[1;5C", "Right", "", 4)]
    [InlineData("\x1b[1;3B", "Down", "", 2)]
    [InlineData("\x1b[3~", "Delete", "", 0)]
    [InlineData("\x1b[Z", "Tab", "", 1)]
    [InlineData("\x1bOP", "F1", "", 0)]
    [InlineData("\x1b[13;5u", "Enter", "", 4)]
    [InlineData("\x1b[27;5;13~", "Enter", "", 4)]
    [InlineData("\x1b[99;5u", "Text", "c", 4)]
    [InlineData("\x1b[200~one\rtwo\x1b[201~", "Paste", "one\rtwo", 0)]
    [InlineData("\x1b[9999x", "Unknown", "", 0)]
    public void Bytes_of_terminals_become_keys(string bytes, string key, string text, int modifiers)
    {
        KeyReader reader = new KeyReader(new FakeTerminal().Type(bytes));
        Assert.Equal(new KeyPress(Enum.Parse<Key>(key), text, (KeyModifiers)modifiers), reader.Next(TimeSpan.FromSeconds(1)));
        Assert.Equal(Key.EndOfInput, reader.Next(TimeSpan.FromSeconds(1))!.Value.Key);
    }

    [Fact]
    public void A_sequence_that_arrives_in_parts_is_one_key()
    {
        KeyReader reader = new KeyReader(new FakeTerminal().Type("\x1b", "[", "1;", "5D", "x"));
        Assert.Equal(new KeyPress(Key.Left, "", KeyModifiers.Control), reader.Next(TimeSpan.FromSeconds(1)));
        Assert.Equal(new KeyPress(Key.Text, "x"), reader.Next(TimeSpan.FromSeconds(1)));
    }
}
