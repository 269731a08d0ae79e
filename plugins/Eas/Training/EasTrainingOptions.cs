using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins.Eas.Search;
using Aperture.Training;

namespace Aperture.Plugins.Eas.Training;

/// <summary>Options of the search and of the training that follows it. Defaults are LLaVA-EAS's.</summary>
internal sealed record EasTrainingOptions : TrainingOptions
{
    private const double DefaultEpochs = 20;

    private static readonly TrainingPlan _adapters = new(1, 128, 4e-4);
    private static readonly TrainingPlan _search = _adapters with { Schedule = RateSchedule.Linear, WarmUp = 0.3 };

    /// <summary>Search for layers, or train adapters for given ones.</summary>
    public TrainingStage Stage { get; set; } = TrainingStage.Adapters;

    /// <summary>The layers to leave out, as a list or as a search's file; for the stage Adapters.</summary>
    public JsonElement? SkipLayers { get; set; }

    /// <summary>K, the number of layers to leave out.</summary>
    public int? SkipCount { get; set; }

    public int AdapterDim { get; set; } = 128;

    public int PiaDim { get; set; } = 256;

    public double Scale { get; set; } = 1;

    public double Temperature { get; set; } = 10;

    public int Groups { get; set; } = 2;

    public double Dropout { get; set; } = 0.1;

    /// <summary>Whether the projector is trained too; then a whole checkpoint is written.</summary>
    public bool TrainProjector { get; set; } = true;

    /// <summary>T, steps between two comparisons of the search.</summary>
    public int Every { get; set; } = 3;

    /// <summary>J, sets compared.</summary>
    public int Sets { get; set; } = 5;

    /// <summary>η.</summary>
    public double ScoreRate { get; set; } = 1;

    /// <summary>Steps before the search's first comparison; null for those over which the rate rises.</summary>
    public int? SearchWarmUp { get; set; }

    public ArmProbability Probability { get; set; } = ArmProbability.Sigmoid;

    /// <summary>What the search was about, for its file.</summary>
    public string Task { get; set; } = "";

    public AdapterShape Shape => new(AdapterDim, PiaDim, Scale, Temperature, Groups);

    public override void Validate()
    {
        base.Validate();
        Shape.Validate();
        if (!(Dropout is >= 0 and < 1))
        {
            throw EasAdapters.Error($"Dropout is {Dropout}; give 0 or more and below 1, such as 0.1");
        }

        if (SearchWarmUp < 0)
        {
            throw EasAdapters.Error($"SearchWarmUp is {SearchWarmUp}; give a number of steps, 0 or more");
        }

        SkipList.CheckForm(SkipLayers);
    }

    /// <summary>How long and at which rates.</summary>
    public TrainingPlan Plan(int samples) => Plan(EasFactory.MethodName, Stage == TrainingStage.Search ? _search : _adapters, DefaultEpochs, samples);

    /// <summary>How many layers of a decoder are left out: 12 of 32 as published, and in proportion.</summary>
    public int Count(int layers) => SkipCount ?? Math.Max(1, (int)Math.Round(layers * 12 / 32.0));

    public static IReadOnlyList<MethodOption> DescribeAll() =>
    [
        new(nameof(Stage), "text", "Adapters", "Search: find attention sub-layers to leave out; Adapters: leave out those of SkipLayers and train adapters."),
        new(nameof(SkipLayers), "list of integers or text", "eas/search.json", "For Adapters: the layers to leave out, or the file that a search wrote."),
        new(nameof(SkipCount), "integer", "3/8 of the layers", "How many layers to leave out (12 of 32); at least one must stay."),
        new(nameof(AdapterDim), "integer", "128", "Width of the adapters before attention; a multiple of Groups."),
        new(nameof(PiaDim), "integer", "256", "Width of the adapters in its place; a multiple of Groups."),
        new(nameof(Scale), "number", "1", "Factor s on what adapters add."),
        new(nameof(Temperature), "number", "10", "Temperature t of the routers; 5 for 13B models."),
        new(nameof(Groups), "integer", "2", "Blocks of the adapters' ways up."),
        new(nameof(Dropout), "number", "0.1", "Dropout on the adapters' hidden values."),
        new(nameof(TrainProjector), "true/false", "true", "Train the projector too and write a whole checkpoint; false trains adapters alone and writes a small file."),
        new(nameof(Every), "integer", "3", "Search: steps between two comparisons."),
        new(nameof(Sets), "integer", "5", "Search: sets compared, at least 2."),
        new(nameof(ScoreRate), "number", "1", "Search: rate of the scores."),
        new(nameof(SearchWarmUp), "integer", "WarmUp's steps", "Search: steps before the first comparison."),
        new(nameof(Probability), "text", "Sigmoid", "Search: Sigmoid of each score, or Softmax10 over them (LaVIN-EAS)."),
        new(nameof(Task), "text", "", "Search: what it was about, for its file."),
        .. Describe(_adapters, DefaultEpochs),
    ];
}

/// <summary>The two phases of EAS.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrainingStage>))]
internal enum TrainingStage
{
    Adapters,
    Search,
}
