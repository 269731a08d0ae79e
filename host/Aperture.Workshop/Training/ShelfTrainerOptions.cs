using Aperture.Models;

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

    /// <summary>What shelves are like.</summary>
    public ShelfSet Set { get; init; } = ShelfSet.Items;

    /// <summary>Side in pixels at which the small model's own tower sees pictures; null for the set's.</summary>
    public int? TowerSide { get; init; }

    /// <summary>
    /// A model to train in the small one's place, with its own vision encoder and in its own layout; borrowed. It needs the set's words and one row for each of
    /// the tower's patches. Null for the small model.
    /// </summary>
    public Model? Model { get; init; }

    /// <summary>The stages, in order; those of <see cref="ShelfSet.Items"/> unless said otherwise.</summary>
    public IReadOnlyList<ShelfStageOptions> Stages { get; init; } = StagesOf(ShelfSet.Items);

    /// <summary>The stages of a set, in order. Those of numbers begin with a decoder that knows items.</summary>
    /// <param name="set">The set.</param>
    public static IReadOnlyList<ShelfStageOptions> StagesOf(ShelfSet set) => set.HasNumbers ? OfNumbers : OfItems;

    private static IReadOnlyList<ShelfStageOptions> OfNumbers =>
    [
        new(ShelfStage.Vision, 460, 16, 2e-3, 0, 16) { Decay = 0.001, WarmUp = 100 },
        new(ShelfStage.Vision, 200, 16, 2e-3, 0, 16) { Decay = 0.5, WarmUp = 10, LabelWeight = 2 },
        new(ShelfStage.Language, 600, 12, 2e-3, 0.01, 2),
        new(ShelfStage.Joined, 80, 12, 1.5e-3, 0.005, 4) { WarmUp = 10, Decay = 0.6, AllPatches = 0.4 },
    ];

    private static IReadOnlyList<ShelfStageOptions> OfItems =>
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
    /// Folders that give the first weights: of a run, what its stages trained, for stages that ran side by side; of a model in the small one's layout, its
    /// decoder, whose words may be fewer.
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
