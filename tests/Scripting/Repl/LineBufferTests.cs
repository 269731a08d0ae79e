using Aperture.Host.Repl;
using Aperture.Measuring;
using Aperture.Tasks;
using CsCheck;

namespace Aperture.Scripting.Tests.Repl;

public class LineBufferTests
{
    [Fact]
    public void Words_are_cut_and_put_back()
    {
        LineBuffer buffer = Of("int count = 1");
        buffer.CutWordLeft();
        buffer.CutWordLeft();
        Assert.Equal(("int ", "count = "), (buffer.Text, buffer.Cut));
        buffer.Insert(buffer.Cut);
        Assert.Equal("int count = ", buffer.Text);
        buffer.MoveTo(0);
        buffer.CutWordRight();
        Assert.Equal(" count = ", buffer.Text);
    }

    [Fact]
    public void Lines_are_walked_at_the_same_column()
    {
        LineBuffer buffer = Of("first line\nx\nthird line");
        buffer.MoveTo("first line\nx\nthird".Length);
        Assert.True(buffer.MoveUp());
        Assert.Equal("first line\nx".Length, buffer.Cursor);
        Assert.True(buffer.MoveUp());
        Assert.Equal(1, buffer.Cursor);
        Assert.False(buffer.MoveUp());
        Assert.True(buffer.MoveDown());
        Assert.True(buffer.MoveDown());
        Assert.False(buffer.MoveDown());
    }

    [Fact]
    public void Undo_goes_back_by_words_and_redo_forth()
    {
        LineBuffer buffer = Of("");
        foreach (char c in "ab cd")
        {
            buffer.Insert(c.ToString());
        }

        buffer.Undo();
        Assert.Equal("ab", buffer.Text);
        buffer.Undo();
        Assert.Equal("", buffer.Text);
        buffer.Redo();
        buffer.Redo();
        Assert.Equal("ab cd", buffer.Text);
    }

    [Theory]
    [InlineData("e\u0301")]
    [InlineData("🥾")]
    [InlineData("👩‍🔬")]
    [InlineData("\n")]
    public void What_reads_as_one_character_goes_as_one(string character)
    {
        LineBuffer buffer = Of("a" + character);
        buffer.DeleteBack();
        Assert.Equal("a", buffer.Text);
        buffer = Of(character + "b");
        buffer.MoveTo(0);
        buffer.MoveRight();
        Assert.Equal(character.Length, buffer.Cursor);
        buffer.MoveLeft();
        buffer.DeleteForward();
        Assert.Equal("b", buffer.Text);
    }

    [Fact]
    public void No_sequence_of_edits_loses_the_cursor_or_what_undo_needs()
    {
        Gen.Int[0, 13].Array[1, 40].Sample(edits =>
        {
            LineBuffer buffer = Of("one two\nthree 🥾 four\n\nfive");
            string start = buffer.Text;
            foreach (int edit in edits)
            {
                Edit(buffer, edit);
                Assert.InRange(buffer.Cursor, 0, buffer.Text.Length);
                Assert.False(buffer.Cursor < buffer.Text.Length && char.IsLowSurrogate(buffer.Text[buffer.Cursor]));
            }

            for (int i = 0; i <= edits.Length; i++)
            {
                buffer.Undo();
            }

            Assert.Equal(start, buffer.Text);
        });
    }

    private static void Edit(LineBuffer buffer, int edit)
    {
        Action[] edits =
        [
            buffer.MoveLeft, buffer.MoveRight, buffer.MoveWordLeft, buffer.MoveWordRight, buffer.DeleteBack, buffer.DeleteForward, buffer.CutWordLeft,
            buffer.CutWordRight,
            buffer.CutToLineStart, buffer.CutToLineEnd, () => buffer.Insert("x"), () => buffer.Insert("a\nb"), () => buffer.MoveUp(), () => buffer.MoveDown(),
        ];
        edits[edit]();
    }

    private static LineBuffer Of(string text)
    {
        LineBuffer buffer = new();
        buffer.Reset(text);
        return buffer;
    }
}
