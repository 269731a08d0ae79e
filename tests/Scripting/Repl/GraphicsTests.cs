using System.Text.RegularExpressions;
using Aperture.Host.Repl;
using Aperture.Images;

namespace Aperture.Scripting.Tests.Repl;

public class GraphicsTests
{
    private static readonly Image _picture = Image.FromRgb([.. Enumerable.Range(0, 8 * 9 * 3).Select(i => (byte)(i * 7))], 8, 9);

    [Theory]
    [InlineData("xterm-kitty", null, null, "Kitty")]
    [InlineData("xterm-256color", "TERM_PROGRAM", "WezTerm", "ITerm")]
    [InlineData("xterm-256color", "KONSOLE_VERSION", "230804", "Kitty")]
    [InlineData("xterm-256color", "APERTURE_GRAPHICS", "sixel", "Sixel")]
    [InlineData("xterm-kitty", "APERTURE_GRAPHICS", "none", "None")]
    [InlineData("tmux-256color", "TERM_PROGRAM", "iTerm.app", "None")]
    [InlineData("xterm-256color", null, null, "None")]
    public void The_protocol_follows_the_terminals_variables(string term, string? name, string? value, string kind) =>
        Assert.Equal(kind, TerminalGraphics.Detect(null, v => v == "TERM" ? term : v == name ? value : null).ToString());

    [Fact]
    public void An_unknown_protocol_is_refused() =>
        Assert.Throws<ApertureException>(() => TerminalGraphics.Detect(null, v => v == "APERTURE_GRAPHICS" ? "holo" : null));

    [Fact]
    public void Kitty_gets_the_png_in_chunks()
    {
        byte[] noise = new byte[90 * 90 * 3];
        new Random(7).NextBytes(noise);
        Image large = Image.FromRgb(noise, 90, 90);
        MatchCollection chunks = Regex.Matches(InlinePicture.Encode(large, GraphicsKind.Kitty), "\x1b_G([^;]*);([^\x1b]*)\x1b\\\\");
        Assert.True(chunks.Count > 2);
        Assert.Equal("f=100,a=T,m=1", chunks[0].Groups[1].Value);
        Assert.Equal("m=0", chunks[^1].Groups[1].Value);
        Assert.All(chunks, c => Assert.True(c.Groups[2].Length <= 4096));
        AssertSame(large, Image.Decode(Convert.FromBase64String(string.Concat(chunks.Select(c => c.Groups[2].Value)))));
    }

    [Fact]
    public void ITerm_gets_the_png()
    {
        Match match = Regex.Match(InlinePicture.Encode(_picture, GraphicsKind.ITerm), "^\x1b]1337;File=inline=1;size=([0-9]+):(.*)\a$");
        byte[] png = Convert.FromBase64String(match.Groups[2].Value);
        Assert.Equal(png.Length.ToString(), match.Groups[1].Value);
        AssertSame(_picture, Image.Decode(png));
    }

    [Fact]
    public void Sixels_decode_to_the_picture_within_a_step_of_the_colour_cube()
    {
        Image flat = Image.FromRgb([.. Enumerable.Range(0, 13 * 8).SelectMany(i => i % 13 < 6 ? new byte[] { 255, 0, 0 } : [0, 102, 255])], 13, 8);
        Assert.Equal(flat.Pixels.ToArray(), Decode(InlinePicture.Encode(flat, GraphicsKind.Sixel), 13, 8));
        byte[] decoded = Decode(InlinePicture.Encode(_picture, GraphicsKind.Sixel), 8, 9);
        double mean = _picture.Pixels.ToArray().Average(b => (double)b), decodedMean = decoded.Average(b => (double)b);
        Assert.InRange(decodedMean, mean - 8, mean + 8);
    }

    private static void AssertSame(Image expected, Image actual)
    {
        Assert.Equal((expected.Width, expected.Height), (actual.Width, actual.Height));
        Assert.Equal(expected.Pixels.ToArray(), actual.Pixels.ToArray());
    }

    // A decoder written from the format's description, apart from the encoder.
    private static byte[] Decode(string sixel, int width, int height)
    {
        Match head = Regex.Match(sixel, "^\x1bP0;1;0q\"1;1;([0-9]+);([0-9]+)(.*)\x1b\\\\$", RegexOptions.Singleline);
        Assert.Equal((width, height), (int.Parse(head.Groups[1].Value), int.Parse(head.Groups[2].Value)));
        Dictionary<int, byte[]> palette = new();
        byte[] pixels = new byte[width * height * 3];
        int x = 0, top = 0, colour = 0;
        foreach (Match token in Regex.Matches(head.Groups[3].Value, "#([0-9]+);2;([0-9]+);([0-9]+);([0-9]+)|#([0-9]+)|!([0-9]+)([?-~])|([?-~])|([$-])"))
        {
            if (token.Groups[1].Success)
            {
                palette[int.Parse(token.Groups[1].Value)] = [.. new[] { 2, 3, 4 }.Select(g => (byte)Math.Round(int.Parse(token.Groups[g].Value) * 2.55))];
            }
            else if (token.Groups[5].Success)
            {
                colour = int.Parse(token.Groups[5].Value);
            }
            else if (token.Groups[9].Success)
            {
                (x, top) = (0, token.Value == "-" ? top + 6 : top);
            }
            else
            {
                int count = token.Groups[6].Success ? int.Parse(token.Groups[6].Value) : 1;
                int bits = (token.Groups[6].Success ? token.Groups[7].Value : token.Groups[8].Value)[0] - '?';
                for (; count > 0; count--, x++)
                {
                    for (int row = 0; row < 6; row++)
                    {
                        if ((bits >> row & 1) == 1)
                        {
                            palette[colour].CopyTo(pixels, (((top + row) * width) + x) * 3);
                        }
                    }
                }
            }
        }

        return pixels;
    }
}
