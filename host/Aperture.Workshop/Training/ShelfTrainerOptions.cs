namespace Aperture.Workshop;

/// <summary>A training run of the small model.</summary>
public sealed record ShelfTrainerOptions
{
    /// <summary>Folder of checkpoints and log; created if absent. A run whose checkpoint lies there goes on from it.</summary>
    public required string RunFolder { get; init; }

    /// <summary>Folder the finished model is written to; null writes none.</summary>
    public string? ModelFolder { get; init; }

    /// <summary>Seed of initial weights, pictures and questions.</summary>
    public long Seed { get; init; } = 1;

    /// <summary>The stages, in order.</summary>
    public IReadOnlyList<ShelfStageOptions> Stages { get; init; } =
    [
        new(ShelfStage.Vision, 3000, 16, 2e-3, 0, 16) { Decay = 0.5, WarmUp = 100 },
        new(ShelfStage.Language, 900, 12, 3e-3, 0.01, 2) { Decay = 0.3, Types = Lookups },
        new(ShelfStage.Language, 3000, 12, 2e-3, 0.01, 2),
        new(ShelfStage.Joined, 1300, 12, 1.5e-3, 0.005, 4) { Decay = 0.6, AllPatches = 0.3 },
    ];

    /// <summary>Questions that one look answers. They come first: neighbours, lists, yes and no, and counts are learned on top of finding.</summary>
    public static IReadOnlyList<ShelfQuestionType> Lookups { get; } =
    [
        ShelfQuestionType.WhatAt, ShelfQuestionType.ColorAt, ShelfQuestionType.Where, ShelfQuestionType.ColorOf,
    ];

    /// <summary>
    /// Run folders whose checkpoints give the first weights: what a stage there trained is taken from there. For stages that ran side by side.
    /// </summary>
    public IReadOnlyList<string> StartFrom { get; init; } = [];

    /// <summary>Folder of Fashion-MNIST's <c>idx.gz</c> files; null for Debian's.</summary>
    public string? ItemsFolder { get; init; }

    /// <summary>Steps between reports.</summary>
    public int ReportEvery { get; init; } = 25;

    /// <summary>Steps between evaluations on held-out pictures.</summary>
    public int EvaluateEvery { get; init; } = 200;

    /// <summary>Pictures of an evaluation.</summary>
    public int EvaluationPictures { get; init; } = 48;

    /// <summary>Time between checkpoints.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Threads of libtorch; 0 leaves its setting.</summary>
    public int Threads { get; init; }
}
