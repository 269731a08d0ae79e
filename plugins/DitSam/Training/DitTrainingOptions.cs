using System.Text.Json.Serialization;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Training;

namespace Aperture.Plugins.DitSam.Training;

/// <summary>What a user may set when training a DIT.</summary>
internal sealed record DitTrainingOptions : TrainingOptions
{
    private const double DefaultEpochs = 40, MostEpochs = 10_000;

    /// <summary>Variant to make of a SAM; null for what the checkpoint is, or layer-wise for a SAM.</summary>
    public DitVariant? Variant { get; set; }

    /// <summary>A checkpoint of the text encoder, for a start that has none.</summary>
    public string? Bert { get; set; }

    /// <inheritdoc cref="DitOptions.Tokenizer"/>
    public string? Tokenizer { get; set; }

    /// <inheritdoc cref="DitOptions.ImageSize"/>
    public int? ImageSize { get; set; }

    /// <inheritdoc cref="DitOptions.MaxTokens"/>
    public int? MaxTokens { get; set; }

    /// <inheritdoc cref="DitOptions.BertLayers"/>
    public int BertLayers { get; set; } = 1;

    /// <inheritdoc cref="DitOptions.EditMode"/>
    public EndToEndMode EditMode { get; set; } = EndToEndMode.Code;

    /// <inheritdoc cref="DitOptions.TextHeads"/>
    public int? TextHeads { get; set; }

    /// <inheritdoc cref="DitOptions.DecoderHeads"/>
    public int? DecoderHeads { get; set; }

    /// <summary>What stays as it is.</summary>
    public DitFreeze Freeze { get; set; } = DitFreeze.None;

    /// <summary>Probability of dropping a value of the text encoder and of the projections of sentences.</summary>
    public double Dropout { get; set; } = 0.1;

    /// <summary>The loss.</summary>
    public MaskLoss Loss { get; set; } = MaskLoss.Bce;

    /// <summary>How the rate goes.</summary>
    public RateRule RateRule { get; set; } = RateRule.WarmCosine;

    /// <summary>Epochs over which the rate rises.</summary>
    public double WarmUpEpochs { get; set; } = 3;

    /// <summary>The rate that the warm-up begins with.</summary>
    public double WarmUpRate { get; set; } = 1e-7;

    /// <summary>The rate that the cosine ends with.</summary>
    public double LeastRate { get; set; } = 1e-6;

    /// <summary>Epochs from which the rate of the rule Step is less.</summary>
    public IReadOnlyList<double>? DecayEpochs { get; set; } = [30, 35, 37];

    /// <summary>By which factor it is less each time.</summary>
    public double DecayFactor { get; set; } = 0.2;

    /// <summary>The most that the means of the parameters, which are what is saved, keep of themselves a step; 0 saves the parameters.</summary>
    public double Ema { get; set; } = 0.9997;

    /// <summary>Whether pictures are resized, recoloured and mirrored at random.</summary>
    public bool Augment { get; set; } = true;

    /// <summary>Whether mirroring is part of that; left and right change places in the sentence.</summary>
    public bool Mirror { get; set; } = true;

    /// <summary>Whether matrices are written in half precision.</summary>
    public bool SaveHalf { get; set; }

    public override void Validate()
    {
        base.Validate();
        ModelOptions.Validate();
        Require(Dropout is >= 0 and < 1, nameof(Dropout), Dropout, "0 or more and below 1");
        Require(Ema is >= 0 and < 1, nameof(Ema), Ema, "0 or more and below 1");
        Require(WarmUpEpochs is >= 0 and <= MostEpochs, nameof(WarmUpEpochs), WarmUpEpochs, "0 or more");
        Require(WarmUpRate is >= 0 and < 1, nameof(WarmUpRate), WarmUpRate, "0 or more and below 1");
        Require(LeastRate is >= 0 and < 1, nameof(LeastRate), LeastRate, "0 or more and below 1");
        Require(DecayFactor is > 0 and <= 1, nameof(DecayFactor), DecayFactor, "above 0, at most 1");
    }

    /// <summary>Those of these options that opening takes as well.</summary>
    internal DitOptions ModelOptions => new()
    {
        Variant = Variant,
        Tokenizer = Tokenizer,
        ImageSize = ImageSize,
        MaxTokens = MaxTokens,
        BertLayers = BertLayers,
        EditMode = EditMode,
        TextHeads = TextHeads,
        DecoderHeads = DecoderHeads,
    };

    /// <summary>Length, batch, optimizer and rates.</summary>
    /// <param name="samples">Number of samples.</param>
    internal TrainingPlan PlanFor(int samples)
    {
        TrainingPlan plan = Plan(DitFactory.SegmenterName, Defaults, DefaultEpochs, samples);
        double epoch = Math.Max(1, samples / plan.BatchSize), rising = Math.Min(WarmUpEpochs * epoch, plan.Steps - 1);
        double[] falls = [.. (DecayEpochs ?? []).Select(at => at * epoch)];
        return plan with
        {
            Rates = RateRule switch
            {
                RateRule.WarmCosine => step => RateRules.WarmCosine(step, rising, plan.Steps, (WarmUpRate, plan.Rate, LeastRate)),
                RateRule.Step => step => RateRules.Step(step, rising, plan.Rate, falls, DecayFactor),
                RateRule.Cosine => step => RateRules.Cosine(step, plan.Steps, plan.Rate),
                _ => null,
            },
        };
    }

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Variant), "text", "the checkpoint's; LayerWise for a SAM", "LayerWise, EndToEnd, TokenLayerWise, EndToEndToken or Default."),
        new(nameof(Bert), "text", "none", "Weights file or folder of a BERT, for a start that has no text encoder (a SAM)."),
        new(nameof(Tokenizer), "text", "the checkpoint's folder", "Folder or hub id with the text encoder's vocab.txt."),
        new(nameof(ImageSize), "integer", "512, or the checkpoint's if smaller", "Side of the picture in pixels, a multiple of a patch."),
        new(nameof(MaxTokens), "integer", "20", "Rows that a sentence is padded or cut to."),
        new(nameof(BertLayers), "integer", "1", "Layers of the text encoder that are run."),
        new(nameof(EditMode), "text", nameof(EndToEndMode.Code), "End-to-end: Code or Paper."),
        new(nameof(TextHeads), "integer", "width / 64", "Heads of the text encoder."),
        new(nameof(DecoderHeads), "integer", "8", "Heads of the mask decoder."),
        new(nameof(Freeze), "text", nameof(DitFreeze.None), "None, Sam (the image encoder stays, not what sentences go through in it) or SamAndBert."),
        new(nameof(Dropout), "number", "0.1", "Probability of dropping a value of the text encoder and of the projections of sentences."),
        new(nameof(Loss), "text", nameof(MaskLoss.Bce), "Bce as published, Focal, Dice or Combined."),
        new(nameof(RateRule), "text", nameof(RateRule.WarmCosine), "WarmCosine as published, Step, Cosine, or Shared: as Schedule and WarmUp say."),
        new(nameof(WarmUpEpochs), "number", "3", "Epochs over which the rate rises, for WarmCosine and Step."),
        new(nameof(WarmUpRate), "number", "1E-07", "The rate that the warm-up of WarmCosine begins with."),
        new(nameof(LeastRate), "number", "1E-06", "The rate that WarmCosine ends with."),
        new(nameof(DecayEpochs), "list of numbers", "[30, 35, 37]", "Epochs from which the rate of Step is less."),
        new(nameof(DecayFactor), "number", "0.2", "By which factor it is less each time."),
        new(nameof(Ema), "number", "0.9997", "The most that the means of the parameters keep of themselves a step; they are what is saved. 0 saves the "
            + "parameters."),
        new(nameof(Augment), "true/false", "true", "Resizes, recolours and mirrors pictures at random."),
        new(nameof(Mirror), "true/false", "true", "Mirroring is part of that; left and right change places in the sentence."),
        new(nameof(SaveHalf), "true/false", "false", "Writes matrices in half precision."),
        .. Describe(Defaults, DefaultEpochs),
    ];

    private static TrainingPlan Defaults { get; } = new(1, 64, 1e-4) { Beta2 = 0.98, Epsilon = 1e-9, LargestGradient = 0.15, Seed = 123456 };

    private static void Require(bool fits, string option, double value, string range)
    {
        if (!fits)
        {
            throw new ApertureException(FormattableString.Invariant($"{DitFactory.SegmenterName}: {option} is {value}; give a number {range}."));
        }
    }
}

/// <summary>What of a DIT stays as it is in training. What was added to a SAM for sentences is always trained.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<DitFreeze>))]
internal enum DitFreeze
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>SAM's image encoder.</summary>
    Sam,

    /// <summary>SAM's image encoder and the text encoder.</summary>
    SamAndBert,
}
