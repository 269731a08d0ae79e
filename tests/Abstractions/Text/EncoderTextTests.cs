using Aperture.Text;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Text;

/// <summary>Texts as an encoder takes them, with a vocabulary of letters.</summary>
public sealed class EncoderTextTests
{
    [Theory]
    [InlineData("ab", 6, new[] { 0, 4, 5, 2, 1, 1 }, new[] { 1, 1, 1, 1, 0, 0 })]
    [InlineData("abcd", 5, new[] { 0, 4, 5, 6, 2 }, new[] { 1, 1, 1, 1, 1 })]
    [InlineData("", 3, new[] { 0, 2, 1 }, new[] { 1, 1, 0 })]
    [InlineData("abc", 2, new[] { 0, 2 }, new[] { 1, 1 })]
    public void A_text_is_padded_or_cut_before_its_end(string text, int length, int[] ids, int[] mask)
    {
        EncoderText encoded = EncoderText.Encode(new Letters(2), text, length);

        Assert.Equal(ids, encoded.Ids);
        Assert.Equal(mask, encoded.Mask);
    }

    [Fact]
    public void A_tokenizer_of_another_kind_is_refused()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => EncoderText.Encode(new Letters(1), "a", 4));

        Assert.Contains("but this one adds 1", error.Message);
    }

    [Fact]
    public void A_batch_has_a_row_for_each_text()
    {
        (Tensor ids, Tensor mask) = EncoderText.Batch([EncoderText.Encode(new Letters(2), "a", 4), EncoderText.Encode(new Letters(2), "bc", 4, padId: 9)]);
        using (ids)
        using (mask)
        {
            Assert.Equal([0L, 4, 2, 1, 0, 5, 6, 2], ids.data<long>().ToArray());
            Assert.Equal([1L, 1, 1, 0, 1, 1, 1, 1], mask.data<long>().ToArray());
        }
    }

    private sealed class Letters(int ends) : ITokenizer
    {
        public int VocabularySize => 30;

        public int? BeginId => 0;

        public int? EndId => 2;

        public int? PadId => 1;

        public int? UnknownId => null;

        public int[] Encode(string text, bool addSpecialTokens = true)
        {
            int[] words = [.. text.Select(letter => letter - 'a' + 4)];
            return !addSpecialTokens ? words : ends == 2 ? [0, .. words, 2] : [0, .. words];
        }

        public string Decode(IReadOnlyList<int> ids, bool skipSpecialTokens = true) => throw new NotSupportedException();

        public string? TokenOf(int id) => throw new NotSupportedException();

        public int? IdOf(string token) => throw new NotSupportedException();

        public bool IsSpecial(int id) => id < 4;
    }
}
