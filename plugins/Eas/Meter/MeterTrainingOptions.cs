using System.Text.Json;
using Aperture.Models;
using Aperture.Plugins.Eas.Training;
using Aperture.Training;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>What a user may set when training EAS on a METER.</summary>
internal sealed record MeterTrainingOptions : TrainingOptions
{
    private const int WidestAdapter = 4096, MostNegatives = 255;

    /// <summary>Name of a <see cref="MeterTask"/>.</summary>
    public string Task { get; set; } = "vqa";

    /// <summary>Search for attention that is not needed, or train adapters around what is skipped.</summary>
    public TrainingStage Stage { get; set; } = TrainingStage.Adapters;

    /// <inheritdoc cref="MeterOptions.Tokenizer"/>
    public string? Tokenizer { get; set; }

    /// <summary>File with the answers of visual question answering; null takes the samples' own.</summary>
    public string? Labels { get; set; }

    /// <summary>The attentions to skip: a list of arms, or a file of a search; null skips none.</summary>
    public JsonElement? Skip { get; set; }

    /// <inheritdoc cref="MeterOptions.LegacyArmMap"/>
    public bool LegacyArmMap { get; set; } = true;

    /// <inheritdoc cref="MeterOptions.ImageSize"/>
    public int? ImageSize { get; set; }

    /// <summary>Tokens that a text is padded or cut to; null for the task's.</summary>
    public int? TextLength { get; set; }

    /// <inheritdoc cref="MeterOptions.Heads"/>
    public int? Heads { get; set; }

    /// <inheritdoc cref="MeterOptions.VisionHeads"/>
    public int? VisionHeads { get; set; }

    /// <summary>Hidden width of fresh adapters.</summary>
    public int AdapterWidth { get; set; } = MeterInitialisation.AdapterWidth;

    /// <summary>Hidden width of fresh replacements of attention.</summary>
    public int ReplacementWidth { get; set; } = MeterInitialisation.ReplacementWidth;

    /// <summary>Factor on the learning rate of the task's head; null for the task's.</summary>
    public double? HeadRate { get; set; }

    /// <summary>Factor on the learning rate of everything in the cross-modal layers and their poolers.</summary>
    public double CrossModalRate { get; set; } = 5;

    /// <summary>Fraction that is set to zero.</summary>
    public double Dropout { get; set; } = 0.1;

    /// <summary>Retrieval: other samples' captions that a picture's own one is told from.</summary>
    public int Negatives { get; set; } = 15;

    /// <summary>Search: K, the attentions to leave out.</summary>
    public int SkipCount { get; set; } = 10;

    /// <summary>Search: J, sets compared.</summary>
    public int Sets { get; set; } = 3;

    /// <summary>Search: T, steps between two comparisons.</summary>
    public int Every { get; set; } = 10;

    /// <summary>Search: rate of the scores.</summary>
    public double ScoreRate { get; set; } = 1;

    /// <summary>Search: steps before the first comparison; null for those over which the rate rises.</summary>
    public int? SearchWarmUp { get; set; }

    public override void Validate()
    {
        base.Validate();
        ModelOptions.Validate();
        Even(nameof(AdapterWidth), AdapterWidth);
        Even(nameof(ReplacementWidth), ReplacementWidth);
        if (!(Dropout is >= 0 and < 1))
        {
            throw Error($"Dropout is {Dropout}; give 0 or more and below 1");
        }

        if (!(HeadRate is null or > 0) || !(CrossModalRate > 0))
        {
            throw Error("HeadRate and CrossModalRate are factors above 0");
        }

        if (SearchWarmUp < 0)
        {
            throw Error($"SearchWarmUp is {SearchWarmUp}; give a number of steps, 0 or more");
        }

        if (Negatives is < 1 or > MostNegatives)
        {
            throw Error($"Negatives is {Negatives}; give a number from 1 to {MostNegatives}");
        }
    }

    /// <summary>Those of these options that opening takes as well.</summary>
    internal MeterOptions ModelOptions => new()
    {
        Tokenizer = Tokenizer,
        Labels = Labels,
        Skip = Skip,
        LegacyArmMap = LegacyArmMap,
        ImageSize = ImageSize,
        TextLength = TextLength,
        Heads = Heads,
        VisionHeads = VisionHeads,
    };

    internal static IReadOnlyList<MethodOption> Describe() =>
    [
        new(nameof(Task), "text", "vqa", $"What to train: {string.Join(", ", MeterTask.All.Select(task => task.Name))}. Length, batch, rates and epochs "
            + "follow the task unless they are given."),
        new(nameof(Stage), "text", "Adapters", "Search: find attentions to leave out; Adapters: leave out those of Skip and train adapters."),
        .. MeterOptions.Describe().Where(option => option.Name is not (nameof(MeterOptions.Adapters) or nameof(MeterOptions.Weights))),
        new(nameof(AdapterWidth), "integer", "96", "Hidden width of fresh adapters; even."),
        new(nameof(ReplacementWidth), "integer", "144", "Hidden width of fresh replacements of attention; even."),
        new(nameof(HeadRate), "number", "the task's", "Factor on the learning rate of the task's head."),
        new(nameof(CrossModalRate), "number", "5", "Factor on the learning rate of the cross-modal layers' adapters and of the poolers."),
        new(nameof(Dropout), "number", "0.1", "Fraction that is set to zero."),
        new(nameof(Negatives), "integer", "15", "Retrieval: other captions that a picture's own one is told from."),
        new(nameof(SkipCount), "integer", "10", "Search: how many attentions to leave out."),
        new(nameof(Sets), "integer", "3", "Search: sets compared, at least 2."),
        new(nameof(Every), "integer", "10", "Search: steps between two comparisons."),
        new(nameof(ScoreRate), "number", "1", "Search: rate of the scores."),
        new(nameof(SearchWarmUp), "integer", "WarmUp's steps", "Search: steps before the first comparison."),
        .. Describe(MeterTask.Find("vqa").Plan, MeterTask.Find("vqa").Epochs),
    ];

    private static void Even(string option, int width)
    {
        if (width is < 2 or > WidestAdapter || width % 2 != 0)
        {
            throw Error($"{option} is {width}; give an even number from 2 to {WidestAdapter}");
        }
    }

    private static ApertureException Error(string message) => new($"{MeterFactory.ClassifierName}: {message}.");
}
