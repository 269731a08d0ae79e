namespace Aperture.Abstractions.Tests;

public sealed class ApertureExceptionTests
{
    [Theory]
    [InlineData("merge 3 ('a\nb\r\nc' + 'd')", "merge 3 ('a b c' + 'd')")]
    [InlineData("name '\u001b[2Jx\t\0'", "name '\uFFFD[2Jx \uFFFD'")]
    [InlineData("plain: 日本 “…”", "plain: 日本 “…”")]
    public void What_a_value_holds_never_breaks_the_line(string message, string shown)
    {
        Assert.Equal(shown, new ApertureException(message).Message);
        Assert.Equal(shown, new ApertureException(message, new IOException()).Message);
    }
}
