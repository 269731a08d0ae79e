using Aperture.Decoding;
using Aperture.Models;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>The task heads that a checkpoint has; the others are null. Borrows its tensors from the loader.</summary>
internal sealed class MeterHeads
{
    private const double NormEpsilon = 1e-5;

    private readonly Matrix? _matching, _ranking, _wordTransform, _words;
    private readonly LayerNormWeights? _wordNorm;
    private readonly double _wordEpsilon;

    /// <summary>Loads the heads.</summary>
    /// <param name="loader">Loads and owns.</param>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Sizes.</param>
    public MeterHeads(WeightLoader loader, IWeightSource source, MeterConfig config)
    {
        int pooled = 2 * config.Width;
        _wordEpsilon = config.NormEpsilon;
        Vqa = Head.Load(loader, source, "vqa_classifier", pooled, pooled);
        Nlvr2 = Head.Load(loader, source, "nlvr2_classifier", 2 * pooled, pooled);
        Snli = Head.Load(loader, source, "snli_classifier", pooled, pooled);
        if (source.Contains("itm_score.fc.weight"))
        {
            _matching = loader.Linear("itm_score.fc", 2, pooled);
        }

        if (source.Contains("rank_output.weight"))
        {
            _ranking = loader.Linear("rank_output", 1, pooled);
        }

        if (source.Contains("mlm_score.decoder.weight"))
        {
            _wordTransform = loader.Linear("mlm_score.transform.dense", config.Width, config.Width);
            _wordNorm = loader.Norm("mlm_score.transform.LayerNorm", config.Width);
            _words = loader.Linear("mlm_score.decoder", config.Text.Vocabulary, config.Width, "mlm_score.bias");
        }
    }

    /// <summary>Answers of visual question answering from pooled features <c>[B, 2 d]</c>.</summary>
    public Head? Vqa { get; }

    /// <summary>Whether a sentence is true of two pictures, from the pooled features of both side by side <c>[B, 4 d]</c>.</summary>
    public Head? Nlvr2 { get; }

    /// <summary>Contradiction, neutral or entailment, from pooled features <c>[B, 2 d]</c>.</summary>
    public Head? Snli { get; }

    /// <summary>Whether <see cref="Match"/> can be asked for.</summary>
    public bool CanMatch => _matching is not null;

    /// <summary>Whether <see cref="Rank"/> can be asked for.</summary>
    public bool CanRank => _ranking is not null || CanMatch;

    /// <summary>Whether <see cref="Words"/> can be asked for.</summary>
    public bool CanFillWords => _words is not null;

    /// <summary>Whether text and picture belong together: logits of no and yes.</summary>
    /// <param name="pooled"><c>[B, 2 d]</c>; borrowed.</param>
    /// <returns><c>[B, 2]</c>; the caller disposes it.</returns>
    public Tensor Match(Tensor pooled) => _matching!.Apply(pooled);

    /// <summary>
    /// The retrieval score. A checkpoint without a head for it has the logit of yes of <see cref="Match"/>, from which training starts that head.
    /// </summary>
    /// <param name="pooled"><c>[B, 2 d]</c>; borrowed.</param>
    /// <returns><c>[B]</c>; the caller disposes it.</returns>
    public Tensor Rank(Tensor pooled)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor score = _ranking is not null ? _ranking.Apply(pooled).select(1, 0) : Match(pooled).select(1, 1);
        return score.MoveToOuterDisposeScope();
    }

    /// <summary>Logits of masked words.</summary>
    /// <param name="text">The text's rows <c>[B, N, d]</c>; borrowed.</param>
    /// <returns><c>[B, N, vocabulary]</c>; the caller disposes it.</returns>
    public Tensor Words(Tensor text)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rows = _wordNorm!.Run(F.gelu(_wordTransform!.Apply(text)), _wordEpsilon);
        return _words!.Apply(rows).MoveToOuterDisposeScope();
    }

    /// <summary>Linear, norm, GELU, linear; published as <c>0</c>, <c>1</c> and <c>3</c> of a sequence.</summary>
    internal sealed record Head(Matrix First, LayerNormWeights Norm, Matrix Last)
    {
        /// <summary>Number of labels.</summary>
        public int Labels => Last.Outputs;

        public static Head? Load(WeightLoader loader, IWeightSource source, string name, int inputs, int inner)
            => !source.Contains(name + ".3.weight") ? null : new Head(
                loader.Linear(name + ".0", inner, inputs),
                loader.Norm(name + ".1", inner),
                loader.Linear(name + ".3", (int)source.Describe(name + ".3.weight").Shape[0], inner));

        /// <summary>The logits.</summary>
        /// <param name="pooled">Pooled features; borrowed.</param>
        /// <returns><c>[B, labels]</c>; the caller disposes it.</returns>
        public Tensor Run(Tensor pooled)
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor rows = F.gelu(Norm.Run(First.Apply(pooled), NormEpsilon));
            return Last.Apply(rows).MoveToOuterDisposeScope();
        }
    }
}
