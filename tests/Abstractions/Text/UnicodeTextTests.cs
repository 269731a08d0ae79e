namespace Aperture.Text.Tests;

public sealed class UnicodeTextTests
{
    [Theory]
    [InlineData("e\u0301", "\u00E9")]
    [InlineData("\u212B", "\u00C5")]
    [InlineData("\u1100\u1161\u11A8", "\uAC01")]
    [InlineData("\u0958", "\u0915\u093C")]
    [InlineData("q\u0307\u0323", "q\u0323\u0307")]
    [InlineData("\u1E9B\u0323", "\u1E9B\u0323")]
    [InlineData("plain", "plain")]
    public void Nfc_composes(string text, string expected) => Assert.Equal(expected, UnicodeText.Nfc(text));

    [Theory]
    [InlineData("\u00E9", "e\u0301")]
    [InlineData("\uAC01", "\u1100\u1161\u11A8")]
    [InlineData("\uFB01", "\uFB01")]
    public void Nfd_decomposes_canonically(string text, string expected) => Assert.Equal(expected, UnicodeText.Nfd(text));

    [Theory]
    [InlineData("\uFB01", "fi")]
    [InlineData("\uFF21", "A")]
    [InlineData("\u1E9B\u0323", "\u1E69")]
    public void Nfkc_decomposes_compatibly_and_composes(string text, string expected) => Assert.Equal(expected, UnicodeText.Nfkc(text));

    [Theory]
    [InlineData("\u0130", "i\u0307")]
    [InlineData("\u03A3\u039F\u03A3", "\u03C3\u03BF\u03C2")]
    [InlineData("\u03A3", "\u03C3")]
    [InlineData("A\u03A3'B", "a\u03C3'b")]
    public void Lower_case_is_that_of_Python(string text, string expected) => Assert.Equal(expected, UnicodeText.Lower(text, finalSigma: true));

    [Theory]
    [InlineData("\u2018a\u2019 \u201Cb\u201D", "'a' \"b\"")]
    [InlineData("&amp; &lt;", "& <")]
    [InlineData("<b>&amp;", "<b>&amp;")]
    [InlineData("\uFF26\uFB01\u01C4", "FfiD\u017D")]
    [InlineData("a\u001B[31mb\u0007\uFEFF", "ab")]
    [InlineData("a\r\nb\u2028c", "a\nb\nc")]
    [InlineData("\u0080\u0085", "\u20AC\u2026")]
    public void Repair_is_that_of_ftfy(string text, string expected) => Assert.Equal(expected, TextRepair.Apply(text));
}
