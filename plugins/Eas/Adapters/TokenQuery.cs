using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Adapters;

/// <summary>Which rows of a sequence its router and its pool read.</summary>
internal enum TokenQuery
{
    /// <summary>The first row: LaVIN's modality token.</summary>
    Token0,

    /// <summary>The mean of all rows but the first: LaVIN-EAS's router.</summary>
    MeanSkipFirst,

    /// <summary>The mean of all rows: LLaVA-EAS at inference, and the pool of LaVIN-EAS.</summary>
    MeanAll,

    /// <summary>The mean of the rows before the first supervised label: LLaVA-EAS in training.</summary>
    PromptMask,
}

/// <summary>Computes what a <see cref="TokenQuery"/> names.</summary>
internal static class TokenQueries
{
    /// <summary>The label of a row that is not supervised.</summary>
    public const long Ignored = -100;

    /// <summary>The vector that a query reads.</summary>
    /// <param name="query">Which rows.</param>
    /// <param name="x"><c>[samples, rows, d]</c>; borrowed.</param>
    /// <param name="promptMask">The result of <see cref="PromptMask"/>; needed for that query only.</param>
    /// <returns><c>[samples, d]</c>; the caller disposes it.</returns>
    public static Tensor Read(this TokenQuery query, Tensor x, Tensor? promptMask = null)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor read = query switch
        {
            TokenQuery.Token0 => x.select(1, 0),
            TokenQuery.MeanSkipFirst => x.narrow(1, 1, x.size(1) - 1).mean([1]),
            TokenQuery.MeanAll => x.mean([1]),
            _ => (promptMask ?? throw new ArgumentNullException(nameof(promptMask))).to_type(x.dtype).unsqueeze(1).matmul(x).squeeze(1),
        };
        return read.MoveToOuterDisposeScope();
    }

    /// <summary>Equal weights, with sum 1, on the rows that no supervised label precedes or marks.</summary>
    /// <param name="labels">int64 <c>[samples, rows]</c>, <see cref="Ignored"/> where not supervised; borrowed.</param>
    /// <returns>float32 <c>[samples, rows]</c>; all zero for a sequence that is supervised from its first row on. The caller disposes it.</returns>
    public static Tensor PromptMask(Tensor labels)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor prompt = labels.cummax(1).values.eq(Ignored).to_type(ScalarType.Float32);
        return prompt.div(prompt.sum(1, keepdim: true).clamp(min: 1)).MoveToOuterDisposeScope();
    }
}
