using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte;

/// <summary>The vectors that gates read (spec sections 3.2 and 3.8).</summary>
internal static class GateInputs
{
    public const string Text = "text";
    public const string AllText = "all-text";
    public const string Attention = "attention";

    /// <summary>What <see cref="DyVteOptions.GateInput"/> may be.</summary>
    public static IReadOnlyList<string> Names { get; } = [Text, AllText, Attention];

    /// <summary>How a gates file names an input.</summary>
    public static string NameInFile(string input) => input switch
    {
        AllText => "all_text_mean+text_last",
        Attention => "attention",
        _ => "text_mean+text_last",
    };

    /// <summary>Width of an input.</summary>
    /// <param name="input">Its name.</param>
    /// <param name="decoder">The model.</param>
    /// <returns>The width, or null where the model does not fix the number of visual tokens.</returns>
    public static int? Width(string input, DecoderInfo decoder)
        => input != Attention ? 2 * decoder.HiddenSize : decoder.VisualTokens > 0 ? 3 * decoder.VisualTokens : null;

    /// <summary>Mean of the text rows but the last, then the last row. A text of one row is its own mean.</summary>
    /// <param name="rows">Packed rows <c>[rows, d]</c> after the layer; borrowed.</param>
    /// <param name="offset">The sample's first packed row.</param>
    /// <param name="prompt">The sample's rows.</param>
    /// <param name="withPrefix">Whether the mean takes the text before the image in.</param>
    /// <returns><c>[2d]</c> in the rows' type; the caller disposes it.</returns>
    public static Tensor OfText(Tensor rows, int offset, PromptRows prompt, bool withPrefix)
    {
        using DisposeScope scope = NewDisposeScope();
        int[] before = withPrefix ? [.. prompt.Prefix, .. prompt.Text[..^1]] : prompt.Text[..^1];
        Tensor last = rows.narrow(0, offset + prompt.Last, 1).squeeze(0);
        Tensor mean = before.Length == 0 ? last : Select(rows, offset, before).mean([0]);
        return cat([mean, last], 0).MoveToOuterDisposeScope(); // [d], [d] -> [2d]
    }

    /// <summary>Three rows of the head-maximum attention map of the layer, each brought to one length.</summary>
    /// <param name="statistics">The layer's attention.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="prompt">Its rows.</param>
    /// <param name="current">Number of its current rows: they are the last of the keys.</param>
    /// <param name="places">Where each visual row stood among the sample's visual rows before any left.</param>
    /// <param name="size">Length of each of the three.</param>
    /// <returns>float32 <c>[3 size]</c>; the caller disposes it.</returns>
    public static Tensor OfAttention(IAttentionStatistics statistics, int sample, PromptRows prompt, int current, long[] places, int size)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor map = zeros(0);
        statistics.RowBlocks(sample, [prompt.Visual[^1], prompt.Last], (_, block) => map = Columns(block.amax([0]), current)); // [heads, 2, keys] -> [2, rows]
        return OfAttentionRows(map[0], map[1], prompt.Visual, prompt.Text, places, size).MoveToOuterDisposeScope();
    }

    /// <summary>The same from the two rows of the map.</summary>
    /// <param name="lastVisual">Row of the last visual token, <c>[columns]</c>.</param>
    /// <param name="lastPrompt">Row of the last prompt token, <c>[columns]</c>.</param>
    /// <param name="visual">Visual columns.</param>
    /// <param name="text">Columns behind the image.</param>
    /// <param name="places">Place of each visual column among <paramref name="size"/>; places without a column are 0.</param>
    /// <param name="size">Length of each of the three vectors.</param>
    /// <returns><c>[3 size]</c>; the caller disposes it.</returns>
    public static Tensor OfAttentionRows(Tensor lastVisual, Tensor lastPrompt, int[] visual, int[] text, long[] places, int size)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor columns = Index(visual, lastVisual.device), place = tensor(places, device: lastVisual.device);
        Tensor Placed(Tensor row) => zeros(size, dtype: row.dtype, device: row.device).index_copy(0, place, row.index_select(0, columns));
        Tensor behind = lastPrompt.index_select(0, Index(text, lastPrompt.device)).view(1, 1, text.Length);
        Tensor stretched = nn.functional.interpolate(behind, [size], mode: InterpolationMode.Linear, align_corners: true).view(size);
        return cat([Placed(lastVisual), Placed(lastPrompt), stretched], 0).MoveToOuterDisposeScope();
    }

    private static Tensor Columns(Tensor map, int current) => map.narrow(1, map.size(1) - current, current);

    private static Tensor Select(Tensor rows, int offset, int[] chosen)
        => chosen[^1] - chosen[0] == chosen.Length - 1
            ? rows.narrow(0, offset + chosen[0], chosen.Length)
            : rows.index_select(0, tensor(Array.ConvertAll(chosen, row => (long)(offset + row)), device: rows.device));

    private static Tensor Index(int[] columns, Device device) => tensor(Array.ConvertAll(columns, column => (long)column), device: device);
}
