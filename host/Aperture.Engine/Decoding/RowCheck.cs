namespace Aperture.Decoding;

/// <summary>Holds the rows that a method chose against those there are.</summary>
internal static class RowCheck
{
    /// <summary>What is wrong with a choice of rows of one sample.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="sample">The sample.</param>
    /// <param name="count">How many rows it has.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Misfit(int[]? rows, int sample, int count)
    {
        if (rows is null)
        {
            return $"gave null where the rows of sample {sample} belong";
        }

        int last = -1;
        foreach (int row in rows)
        {
            if (row < 0 || row >= count)
            {
                return $"chose row {row} of sample {sample}, which has {count} rows{(count > 0 ? $", 0 to {count - 1}" : "")}";
            }

            if (row <= last)
            {
                return $"chose row {row} of sample {sample} behind row {last}; rows ascend, each once";
            }

            last = row;
        }

        return null;
    }

    /// <summary>What is wrong with a selection.</summary>
    /// <param name="selection">The selection; null keeps all.</param>
    /// <param name="context">The layer.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Misfit(RowSelection? selection, ILayerContext context)
    {
        if (selection is null)
        {
            return null;
        }

        if (selection.Samples != context.Samples)
        {
            return $"chose rows of {selection.Samples} samples where there are {context.Samples}";
        }

        for (int sample = 0; sample < selection.Samples; sample++)
        {
            if (selection[sample] is { } rows && Misfit(rows, sample, context.Layout(sample).Count) is { } wrong)
            {
                return wrong;
            }
        }

        return null;
    }
}
