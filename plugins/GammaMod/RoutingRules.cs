using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod;

/// <summary>How probabilities become rows at inference.</summary>
internal sealed record RoutingRules
{
    /// <summary>A prompt's row runs if its probability is above this.</summary>
    public double PrefillThreshold { get; init; } = GammaModOptions.DefaultPrefillThreshold;

    /// <summary>The share of a prompt's rows that runs, in place of the threshold; null for the threshold.</summary>
    public double? TopKRatio { get; init; }

    /// <summary>A decoded row runs if its probability is not below this.</summary>
    public double DecodeThreshold { get; init; } = 0.5;

    /// <summary>Whether rows on a live cache keep their absolute positions instead of continuing the layer's own numbering.</summary>
    public bool AbsoluteOnCache { get; init; }

    public bool WeightFeedForward { get; init; } = true;

    public bool WeightAttention { get; init; }

    public bool ForceLast { get; init; }

    public bool ForceQuestion { get; init; }

    /// <summary>The rules that options ask for.</summary>
    /// <param name="options">The options.</param>
    /// <param name="miniGemini">Whether the checkpoint is of the Mini-Gemini variant, in which generated tokens never skip.</param>
    public static RoutingRules Of(GammaModOptions options, bool miniGemini) => new()
    {
        PrefillThreshold = options.PrefillThreshold ?? GammaModOptions.DefaultPrefillThreshold,
        TopKRatio = options.TopKRatio,
        DecodeThreshold = options.DecodeThreshold ?? (miniGemini ? 0 : 0.5),
        AbsoluteOnCache = GammaModOptions.Is(options.PositionPolicy, "AbsoluteGlobal"),
        WeightFeedForward = options.WeightMlp,
        WeightAttention = options.WeightAttention,
        ForceLast = GammaModOptions.Is(options.ForceTokens, "last"),
        ForceQuestion = GammaModOptions.Is(options.ForceTokens, "question"),
    };

    /// <summary>The rows of a sample that run.</summary>
    /// <param name="phase">Prompt, later turn or decoding.</param>
    /// <param name="layout">The sample's rows.</param>
    /// <param name="probabilities">One a row.</param>
    /// <param name="type">The element type that the model computes in: thresholds are compared in it.</param>
    /// <returns>Rows, ascending.</returns>
    public int[] Choose(DecoderPhase phase, SequenceLayout layout, ReadOnlySpan<float> probabilities, ScalarType type)
    {
        if (phase == DecoderPhase.Decode)
        {
            return Above(probabilities, Rounded(DecodeThreshold, type), orEqual: true);
        }

        HashSet<int> forced = Forced(layout);
        if (TopKRatio is not { } ratio)
        {
            int[] above = Above(probabilities, Rounded(PrefillThreshold, type), orEqual: false);
            return forced.Count == 0 ? above : [.. above.Union(forced).Order()];
        }

        float[] keys = probabilities.ToArray();
        foreach (int row in forced)
        {
            keys[row] += 1;
        }

        return RowChoice.Largest(keys, (int)Math.Ceiling(keys.Length * ratio));
    }

    private HashSet<int> Forced(SequenceLayout layout)
        => ForceQuestion ? [.. layout.TextRowsAfterImage()] : ForceLast && layout.Count > 0 ? [layout.Count - 1] : [];

    private static int[] Above(ReadOnlySpan<float> probabilities, float threshold, bool orEqual)
    {
        List<int> rows = [];
        for (int row = 0; row < probabilities.Length; row++)
        {
            if (probabilities[row] > threshold || (orEqual && probabilities[row] == threshold))
            {
                rows.Add(row);
            }
        }

        return [.. rows];
    }

    private static float Rounded(double threshold, ScalarType type)
    {
        if (type == ScalarType.Float32)
        {
            return (float)threshold;
        }

        using Tensor exact = tensor(threshold), rounded = exact.to_type(type), single = rounded.to_type(ScalarType.Float32);
        return single.item<float>();
    }
}
