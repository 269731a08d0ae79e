using Aperture.Measuring;
using Aperture.Plugins.Eas.Adapters;

namespace Aperture.Plugins.Eas;

/// <summary>How adapters run in a decoder.</summary>
internal sealed record EasSettings
{
    /// <summary>What routers read in a prefill or in training.</summary>
    public TokenQuery Query { get; init; } = TokenQuery.MeanAll;

    /// <summary>What the pool averages then: the prompt in LLaVA-EAS's training, else all rows.</summary>
    public TokenQuery PoolQuery => Query == TokenQuery.PromptMask ? TokenQuery.PromptMask : TokenQuery.MeanAll;

    public DecodePool DecodePool { get; init; } = DecodePool.Prefill;

    public MergeForm Merge { get; init; } = MergeForm.Off;

    /// <summary>The published code's bias of merged layers.</summary>
    public bool OfficialBias { get; init; }

    /// <summary>In training, on the adapters' hidden values.</summary>
    public SeededDropout? Dropout { get; init; }

    /// <summary>What a user's options ask for.</summary>
    /// <param name="options">The options.</param>
    /// <param name="automatic">What the model's family does.</param>
    public static EasSettings Of(EasOptions options, TokenQuery automatic) => new()
    {
        Query = options.RouterQuery switch
        {
            RouterQuery.MeanAll => TokenQuery.MeanAll,
            RouterQuery.MeanSkipFirst => TokenQuery.MeanSkipFirst,
            RouterQuery.Token0 => TokenQuery.Token0,
            _ => automatic,
        },
        DecodePool = options.DecodePool,
        Merge = options.Merge,
        OfficialBias = options.OfficialRepBias,
    };
}
