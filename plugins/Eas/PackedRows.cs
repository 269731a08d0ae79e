using Aperture.Decoding;
using Aperture.Plugins.Eas.Adapters;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas;

/// <summary>The decoder's packed rows as adapters take them.</summary>
internal static class PackedRows
{
    /// <summary>What a query reads in each sample; zeros for a sample that has no row here.</summary>
    /// <param name="query">The query.</param>
    /// <param name="context">The layer.</param>
    /// <param name="normed">Packed rows <c>[rows, d]</c>; borrowed.</param>
    /// <returns><c>[samples, d]</c>; the caller disposes it.</returns>
    public static Tensor Read(TokenQuery query, ILayerContext context, Tensor normed)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] read = new Tensor[context.Samples];
        for (int sample = 0; sample < read.Length; sample++)
        {
            int from = context.Offsets[sample], count = context.Offsets[sample + 1] - from;
            if (count == 0)
            {
                read[sample] = zeros(1, normed.size(1), dtype: normed.dtype, device: normed.device);
                continue;
            }

            Tensor? mask = query == TokenQuery.PromptMask ? TokenQueries.PromptMask(Labels(context).narrow(0, from, count).unsqueeze(0)) : null;
            read[sample] = query.Read(normed.narrow(0, from, count).unsqueeze(0), mask);
        }

        return (read.Length == 1 ? read[0] : cat(read, 0)).MoveToOuterDisposeScope();
    }

    /// <summary>Rows in groups with one row of router weights each: samples of one length stay together, ragged ones go row by row.</summary>
    /// <param name="context">The layer.</param>
    /// <param name="normed">Packed rows <c>[rows, d]</c>; borrowed.</param>
    /// <param name="weights">Router weights <c>[samples, 2]</c>; borrowed. Null without a router.</param>
    /// <returns><c>[groups, rows, d]</c> and <c>[groups, 2]</c>, views where possible, in the caller's dispose scope.</returns>
    public static (Tensor Rows, Tensor? Weights) Grouped(ILayerContext context, Tensor normed, Tensor? weights)
    {
        int[] offsets = context.Offsets.ToArray();
        int length = offsets[1];
        if (Enumerable.Range(0, context.Samples).All(sample => offsets[sample + 1] - offsets[sample] == length))
        {
            return (normed.view(context.Samples, length, normed.size(1)), weights);
        }

        Tensor owners = tensor(
            [.. Enumerable.Range(0, context.Samples).SelectMany(sample => Enumerable.Repeat((long)sample, offsets[sample + 1] - offsets[sample]))],
            device: normed.device);
        return (normed.unsqueeze(1), weights?.index_select(0, owners));
    }

    private static Tensor Labels(ILayerContext context)
        => context.Labels ?? throw new InvalidOperationException("The prompt mask is read from training labels, of which this forward has none.");
}
