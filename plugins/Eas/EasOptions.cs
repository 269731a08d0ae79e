using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins.Eas.Lavin;

namespace Aperture.Plugins.Eas;

/// <summary>What a user may set.</summary>
internal sealed record EasOptions : IMethodOptions
{
    /// <summary>A weights file with adapters; null looks beside the model.</summary>
    public string? Adapters { get; set; }

    /// <summary>The layers without attention, as a list, or the file that a search wrote; null takes what the checkpoint implies.</summary>
    public JsonElement? SkipLayers { get; set; }

    public double Scale { get; set; } = 1;

    public double Temperature { get; set; } = 10;

    public int Groups { get; set; } = 2;

    /// <summary>What routers read at prefill; Auto is what the model's family does.</summary>
    public RouterQuery RouterQuery { get; set; } = RouterQuery.Auto;

    /// <summary>What routers of LaVIN's vision adapters read; null for what the adapters were trained with.</summary>
    public VisionRouterMode? ClipRouterMode { get; set; }

    /// <summary>Where the pool comes from while decoding.</summary>
    public DecodePool DecodePool { get; set; } = DecodePool.Prefill;

    /// <summary>Whether adapters are merged into the linear layers behind them.</summary>
    public MergeForm Merge { get; set; } = MergeForm.Off;

    /// <summary>The published code's bias of merged layers, which is wrong.</summary>
    public bool OfficialRepBias { get; set; }

    public AdapterShape Shape => new(Scale: Scale, Temperature: Temperature, Groups: Groups, VisionRouter: ClipRouterMode);

    public void Validate()
    {
        Shape.Validate();
        if (OfficialRepBias && Merge == MergeForm.Off)
        {
            throw EasAdapters.Error("OfficialRepBias is about merged layers, but Merge is Off; set Merge to LowRank or Full");
        }

        if (DecodePool == DecodePool.Self && Merge != MergeForm.Off)
        {
            throw EasAdapters.Error($"Merge {Merge} freezes the pool at prefill, so DecodePool cannot be Self; use Prefill, or Merge Off");
        }

        SkipList.CheckForm(SkipLayers);
    }

    public static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Adapters), "text", "beside the model", "Weights file with adapters under the official names; without it eas/adapters.safetensors beside "
            + "the model, or the checkpoint's own."),
        new(nameof(SkipLayers), "list of integers or text", "from the adapters", "Layers without attention; or the file that a search wrote. Without it: the "
            + "layers that have only a replaced_adapter."),
        new(nameof(Scale), "number", "1", "Factor s on what adapters add."),
        new(nameof(Temperature), "number", "10", "Temperature t of the routers, above 0; 13B models were trained with 5.") { Allowed = "above 0" },
        new(nameof(Groups), "integer", "2", "Blocks of the adapters' ways up; divides their widths.") { Allowed = "1 or more" },
        new(nameof(RouterQuery), "text", "Auto", "What routers read at prefill: MeanAll (LLaVA-EAS), MeanSkipFirst (LaVIN-EAS), Token0 (LaVIN); Auto follows "
            + "the model.") { Allowed = "Auto, MeanAll, MeanSkipFirst, Token0" },
        new(nameof(ClipRouterMode), "text", "from the adapters", "LaVIN only, what routers in the vision tower read: Eas (the picture's patches) or Lavin "
            + "(each position for itself, the batch's first picture).") { Allowed = "Eas, Lavin" },
        new(nameof(DecodePool), "text", "Prefill", "What PIA propagates while decoding: the pool of the Prefill, or Self: the new row's own.")
        {
            Allowed = "Prefill, Self",
        },
        new(nameof(Merge), "text", "Off", "Merge adapters into the layers behind them: Off, LowRank (per sequence), Full (whole matrices, one sequence at a "
            + "time).") { Allowed = "Off, LowRank, Full" },
        new(nameof(OfficialRepBias), "true/false", "false", "Reproduce the published code's wrong bias of merged layers; only with Merge."),
    ];
}

/// <summary>What routers read at prefill.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<RouterQuery>))]
internal enum RouterQuery
{
    Auto,
    MeanAll,
    MeanSkipFirst,
    Token0,
}

/// <summary>Where PIA's pool comes from while decoding.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DecodePool>))]
internal enum DecodePool
{
    /// <summary>Frozen at prefill.</summary>
    Prefill,

    /// <summary>The new rows themselves, as LaVIN-EAS's un-merged code does.</summary>
    Self,
}

/// <summary>How adapters are merged.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<MergeForm>))]
internal enum MergeForm
{
    Off,
    LowRank,
    Full,
}
