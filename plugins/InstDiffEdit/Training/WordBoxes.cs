using Aperture.Diffusion;
using Aperture.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.InstDiffEdit.Training;

/// <summary>
/// Which words of sentences name a box of their picture, and how much of the attention to such words lies outside of it rather than inside (Xiao et al.,
/// FastComposer, arXiv 2305.10431: the balanced localisation loss, with boxes for masks, and beside it the outer share squared). Owns nothing.
/// </summary>
internal sealed class WordBoxes
{
    private readonly IReadOnlyList<(int Sample, int Token, DiffusionRegion Region)> _words;
    private readonly int _side, _samples;

    private WordBoxes(IReadOnlyList<(int Sample, int Token, DiffusionRegion Region)> words, int side, int samples)
        => (_words, _side, _samples) = (words, side, samples);

    /// <summary>Words that name a box: sample, place among the sentence's tokens, region.</summary>
    public IReadOnlyList<(int Sample, int Token, DiffusionRegion Region)> Words => _words;

    /// <summary>
    /// Finds the words. A region's longest text that stands in the sentence names it, unless another region's longer one contains it: "a red bag" names no bag
    /// where "a red bag in the middle" names another.
    /// </summary>
    /// <param name="samples">The samples.</param>
    /// <param name="sentences">The sentence that each is shown with.</param>
    /// <param name="tokenizer">The tokenizer; it puts a token before the text and one behind.</param>
    /// <param name="tokens">Tokens of a sentence that the text encoder takes.</param>
    /// <param name="side">Side of the square pictures that boxes are counted in, in pixels.</param>
    public static WordBoxes Find(
        IReadOnlyList<DiffusionSample> samples, IReadOnlyList<string> sentences, ITokenizer tokenizer, int tokens, int side)
    {
        List<(int, int, DiffusionRegion)> words = [];
        for (int i = 0; i < samples.Count; i++)
        {
            string sentence = sentences[i];
            (int Start, int End, DiffusionRegion Region)[] named =
                [.. samples[i].Regions.Select(region => (Span: Longest(region, sentence), region)).Where(pair => pair.Span.End > 0)
                    .Select(pair => (pair.Span.Start, pair.Span.End, pair.region))];
            foreach ((int start, int end, DiffusionRegion region) in named.Where(one => !named.Any(other => Contains(other, one))))
            {
                int first = 1 + Count(tokenizer, sentence[..start]), last = 1 + Count(tokenizer, sentence[..end]);
                words.AddRange(Enumerable.Range(first, last - first).Where(token => token < tokens - 1).Select(token => (i, token, region)));
            }
        }

        return new WordBoxes(words, side, samples.Count);
    }

    /// <summary>
    /// For one attention, the mean over words of the mean probability outside their box minus that inside, plus the square of the share of a word's attention
    /// that lies outside: -1 where all of it is inside and full, near 1 where it is everywhere. The share alone would be as good where a word gets next to
    /// nothing, and the difference alone hardly tells a box from the row that it stands in.
    /// </summary>
    /// <param name="site">The attention.</param>
    /// <param name="probabilities">float32 <c>[samples * heads, H W, K]</c>; borrowed.</param>
    /// <returns>A scalar with gradients, 0 without words; the caller disposes it.</returns>
    public Tensor Loss(AttentionSite site, Tensor probabilities)
    {
        using DisposeScope scope = NewDisposeScope();
        if (_words.Count == 0)
        {
            return zeros([], device: probabilities.device).MoveToOuterDisposeScope();
        }

        Tensor heads = probabilities.unflatten(0, [_samples, -1]).mean([1]).transpose(1, 2); // [B * heads, H W, K] -> [B, K, H W]
        Tensor samples = tensor([.. _words.Select(word => (long)word.Sample)], device: probabilities.device);
        Tensor tokens = tensor([.. _words.Select(word => (long)word.Token)], device: probabilities.device);
        Tensor maps = heads.index([TensorIndex.Tensor(samples), TensorIndex.Tensor(tokens)]); // -> [words, H W]
        Tensor inside = tensor([.. _words.SelectMany(word => Share(word.Region, site.Height, site.Width))], [_words.Count, site.Height * site.Width])
            .to(probabilities.device);
        Tensor outside = inside.neg().add(1);
        Tensor share = maps.mul(outside).sum([1L]).div(maps.sum([1L]).add(1e-30)); // -> [words]
        return Mean(maps, outside).sub(Mean(maps, inside)).add(share.square()).mean().MoveToOuterDisposeScope();

        static Tensor Mean(Tensor maps, Tensor weights) => maps.mul(weights).sum([1L]).div(weights.sum([1L]).clamp_min(1e-6)); // -> [words]
    }

    private static (int Start, int End) Longest(DiffusionRegion region, string sentence)
        => region.Sentences.OrderByDescending(text => text.Length).Select(text => Span(sentence, text)).FirstOrDefault(span => span.End > 0);

    // The first place of a text between borders of words; an end of 0 for none.
    private static (int Start, int End) Span(string sentence, string text)
    {
        bool IsBorder(int at) => at <= 0 || at >= sentence.Length || !char.IsLetterOrDigit(sentence[at - 1]) || !char.IsLetterOrDigit(sentence[at]);
        for (int at = 0; text.Length > 0 && (at = sentence.IndexOf(text, at, StringComparison.Ordinal)) >= 0; at++)
        {
            if (IsBorder(at) && IsBorder(at + text.Length))
            {
                return (at, at + text.Length);
            }
        }

        return (0, 0);
    }

    private static bool Contains((int Start, int End, DiffusionRegion Region) outer, (int Start, int End, DiffusionRegion Region) inner)
        => outer.Start <= inner.Start && outer.End >= inner.End && outer.End - outer.Start > inner.End - inner.Start;

    // Tokens of a text that ends between two words, without the two around it.
    private static int Count(ITokenizer tokenizer, string text) => tokenizer.Encode(text.TrimEnd()).Length - 2;

    // How much of each of a map's cells lies in the box.
    private float[] Share(DiffusionRegion region, int rows, int columns)
    {
        float[] share = new float[rows * columns];
        double height = (double)_side / rows, width = (double)_side / columns;
        for (int cell = 0; cell < share.Length; cell++)
        {
            double top = cell / columns * height, left = cell % columns * width;
            double down = Math.Min(region.Bottom, top + height) - Math.Max(region.Top, top);
            double across = Math.Min(region.Right, left + width) - Math.Max(region.Left, left);
            share[cell] = (float)(Math.Max(down, 0) * Math.Max(across, 0) / (height * width));
        }

        return share;
    }
}
