using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Holds changes of weights against the sizes of the matrices that they change.</summary>
internal static class DeltaCheck
{
    /// <summary>What is wrong with a hook's changes of q, k and v.</summary>
    /// <param name="deltas">The changes, one entry a sample.</param>
    /// <param name="context">The layer.</param>
    /// <param name="form">The form of the rows that attention reads.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Misfit(IReadOnlyList<AttentionDeltas?> deltas, ILayerContext context, RowForm form)
    {
        if (deltas.Count != context.Samples)
        {
            return $"gave {deltas.Count} changes of weights for {context.Samples} samples";
        }

        DecoderInfo decoder = context.Request.Decoder;
        int queries = decoder.Heads * decoder.HeadSize, keys = decoder.KeyValueHeads * decoder.HeadSize;
        return deltas.OfType<AttentionDeltas>()
            .Select(own => Misfit(own.Query, "q_proj", form, queries) ?? Misfit(own.Key, "k_proj", form, keys) ?? Misfit(own.Value, "v_proj", form, keys))
            .FirstOrDefault(wrong => wrong is not null);
    }

    private static string? Misfit(WeightDelta? delta, string matrix, RowForm form, long outputs)
    {
        if (delta is null)
        {
            return null;
        }

        long rank = delta.Down is { IsInvalid: false } down && down.dim() == 2 ? down.size(0) : -1;
        return Misfit(delta.Down, $"{matrix} Down", form, ("rank", form.Width), (-1, form.Width))
            ?? Misfit(delta.Up, $"{matrix} Up", form, (outputs, "rank"), (outputs, rank))
            ?? Misfit(delta.Full, $"{matrix} Full", form, (outputs, form.Width), (outputs, form.Width))
            ?? (delta.InputScale is { } scale ? RowForm.Gone(scale, $"{matrix} InputScale") : null)
            ?? (delta.Bias is { } bias ? RowForm.Gone(bias, $"{matrix} Bias") : null);
    }

    private static string? Misfit(Tensor? given, string what, RowForm form, (object Rows, object Columns) told, (long Rows, long Columns) wanted)
    {
        if (given is null)
        {
            return null;
        }

        if (RowForm.Gone(given, what) is { } gone)
        {
            return gone;
        }

        bool fits = given.dim() == 2 && (wanted.Rows < 0 || given.size(0) == wanted.Rows) && (wanted.Columns < 0 || given.size(1) == wanted.Columns);
        return fits ? form.TypeOrDevice(given, what) : $"gave {what} of shape {RowForm.Shape(given)} where [{told.Rows}, {told.Columns}] belongs";
    }
}
