using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins.Eas.Search;
using Aperture.Training;

namespace Aperture.Plugins.Eas.Training;

/// <summary>Options of the search and of the training that follows it. What is not given is as the base's published code has it.</summary>
internal sealed record EasTrainingOptions : TrainingOptions
{
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

    /// <summary>Whether the projector is trained too; a LLaVA's result is then a whole checkpoint.</summary>
    public bool TrainProjector { get; set; } = true;

    /// <summary>T, steps between two comparisons of the search.</summary>
    public int? Every { get; set; }

    /// <summary>J, sets compared.</summary>
    public int? Sets { get; set; }

    /// <summary>η.</summary>
    public double? ScoreRate { get; set; }

    /// <summary>Steps before the search's first comparison.</summary>
    public int? SearchWarmUp { get; set; }

    /// <summary>How scores become probabilities.</summary>
    public ArmProbability? Probability { get; set; }

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
    public TrainingPlan Plan(TrainedBase trained, int samples)
        => Stage == TrainingStage.Search
            ? Plan(EasFactory.MethodName, trained.Search, trained.SearchEpochs, samples)
            : Plan(EasFactory.MethodName, trained.Adapters, trained.Epochs, samples);

    /// <summary>The constants of a search.</summary>
    public SearchRule Rule(TrainedBase trained, int count, TrainingPlan plan)
    {
        SearchRule published = trained.Rule(count, SearchWarmUp ?? (int)Math.Ceiling(plan.Steps * trained.SearchWarmUp(plan)));
        return published with
        {
            Sets = Sets ?? published.Sets,
            Every = Every ?? published.Every,
            Rate = ScoreRate ?? published.Rate,
            Probability = Probability ?? published.Probability,
        };
    }

    /// <summary>How many layers of a decoder are left out: 12 of 32 as published, and in proportion.</summary>
    public int Count(int layers) => SkipCount ?? Math.Max(1, (int)Math.Round(layers * 12 / 32.0));

    public static IReadOnlyList<MethodOption> DescribeAll() =>
    [
        new(nameof(Stage), "text", "Adapters", "Search: find attention sub-layers to leave out; Adapters: leave out those of SkipLayers and train adapters."),
        new(nameof(SkipLayers), "list of integers or text", "eas/search.json", "For Adapters: the layers to leave out, or the file that a search wrote."),
        new(nameof(SkipCount), "integer", "3/8 of the layers", "How many layers to leave out (12 of 32); at least one must stay."),
        new(nameof(AdapterDim), "integer", "128", "Width of the adapters before attention; a multiple of Groups. A LaVIN's file says its own."),
        new(nameof(PiaDim), "integer", "256", "Width of the adapters in its place; a multiple of Groups. A LaVIN's file says its own."),
        new(nameof(Scale), "number", "1", "Factor s on what adapters add."),
        new(nameof(Temperature), "number", "10", "Temperature t of the routers; 5 for 13B models."),
        new(nameof(Groups), "integer", "2", "Blocks of the adapters' ways up."),
        new(nameof(Dropout), "number", "0.1", "Dropout on the adapters' hidden values."),
        new(nameof(TrainProjector), "true/false", "true", "Train the projector too: a LLaVA then becomes a whole checkpoint; false trains adapters alone. A "
            + "LaVIN is an adapter file either way."),
        new(nameof(Every), "integer", "3 (LaVIN 10)", "Search: steps between two comparisons."),
        new(nameof(Sets), "integer", "5 (LaVIN 3)", "Search: sets compared, at least 2."),
        new(nameof(ScoreRate), "number", "1 (LaVIN 2)", "Search: rate of the scores."),
        new(nameof(SearchWarmUp), "integer", "WarmUp's steps (LaVIN half)", "Search: steps before the first comparison."),
        new(nameof(Probability), "text", "Sigmoid (LaVIN Softmax10)", "Search: Sigmoid of each score, or Softmax10 over them (LaVIN-EAS)."),
        new(nameof(Task), "text", "none", "Search: what it was about, for its file."),
        .. Describe(TrainedBase.Llava.Adapters, TrainedBase.Llava.Epochs),
    ];
}

/// <summary>The two phases of EAS.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<TrainingStage>))]
internal enum TrainingStage
{
    Adapters,
    Search,
}
