using Aperture.Models;
using CsCheck;

namespace Aperture.Text.Tests;

public sealed class SentencePieceModelTests
{
    private static readonly (string Piece, int Type)[] _letters = [("<unk>", 2), ("<s>", 3), ("</s>", 3), ("aa", 1), ("\u2581", 1), ("a", 1), ("b", 1)];

    [Fact]
    public void Equal_merges_go_from_the_left()
    {
        SentencePieceModel model = SentencePieceModel.Parse(TokenizerFolder.Model(false, _letters), "test");

        Assert.Equal([4, 3, 3, 5], model.Encode("aaaaa"));
    }

    [Fact]
    public void Neighbouring_unknown_characters_are_one_unknown_piece()
    {
        SentencePieceModel model = SentencePieceModel.Parse(TokenizerFolder.Model(false, _letters), "test");

        Assert.Equal([4, 5, 0, 6], model.Encode("axyzb"));
        Assert.Equal("a \u2047 b", model.Decode([4, 5, 0, 6]));
    }

    [Fact]
    public void Spelled_out_control_and_byte_pieces_are_ordinary_characters()
    {
        SentencePieceModel model = SentencePieceModel.Parse(TokenizerFolder.Model(false, [.. _letters, ("<", 1), ("s", 1), (">", 1), ("<s", 1)]), "test");

        Assert.Equal([4, 10, 9], model.Encode("<s>"));
    }

    [Fact]
    public void Bytes_that_are_no_utf8_become_one_replacement_each()
    {
        IEnumerable<(string, int)> bytes = Enumerable.Range(0, 256).Select(b => ($"<0x{b:X2}>", 6));
        SentencePieceModel model = SentencePieceModel.Parse(TokenizerFolder.Model(true, [.. _letters, .. bytes]), "test");

        Assert.Equal([4, 7 + 0xC3, 7 + 0xA9], model.Encode("é"));
        Assert.Equal("é\uFFFD\uFFFDa", model.Decode([7 + 0xC3, 7 + 0xA9, 7 + 0xE2, 7 + 0x82, 5]));
    }

    [Fact]
    public void Every_prefix_of_a_model_file_is_refused_or_read()
    {
        byte[] file = TokenizerFolder.Model(false, _letters);
        int refused = 0;
        for (int length = 0; length < file.Length; length++)
        {
            try
            {
                SentencePieceModel.Parse(file.AsSpan(0, length), "test");
            }
            catch (ApertureException)
            {
                refused++;
            }
        }

        Assert.InRange(refused, file.Length / 2, file.Length);
    }

    [Fact]
    public void Random_bytes_never_end_in_anything_but_the_user_error()
    {
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            try
            {
                SentencePieceModel.Parse(bytes, "test");
            }
            catch (ApertureException)
            {
            }
        });
    }

    [Theory]
    [InlineData(0)]
    [InlineData(255)]
    public void Byte_fallback_without_all_bytes_is_refused(int count)
    {
        IEnumerable<(string, int)> bytes = Enumerable.Range(0, count).Select(b => ($"<0x{b:X2}>", 6));

        Assert.Throws<ApertureException>(() => SentencePieceModel.Parse(TokenizerFolder.Model(true, [.. _letters, .. bytes]), "test"));
    }
}
