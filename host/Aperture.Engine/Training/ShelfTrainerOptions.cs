namespace Aperture.Training;

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
        new(ShelfStage.Vision, 3000, 16, 2e-3, 0, 16),
        new(ShelfStage.Language, 6000, 12, 3e-3, 0.02, 2),
        new(ShelfStage.Joined, 2000, 12, 1.5e-3, 0.01, 4) { AllPatches = 0.25 },
    ];

    /// <summary>Run folders whose checkpoints give the first weights: what a stage there trained is taken from there. For stages that ran side by side.</summary>
    public IReadOnlyList<string> StartFrom { get; init; } = [];

    /// <summary>Folder of Fashion-MNIST's <c>idx.gz</c> files; null for Debian's.</summary>
    public string? ItemsFolder { get; init; }

    /// <summary>Steps between reports.</summary>
    public int ReportEvery { get; init; } = 25;

    /// <summary>Steps between evaluations on held-out pictures.</summary>
    public int EvaluateEvery { get; init; } = 200;

    /// <summary>Time between checkpoints.</summary>
    public TimeSpan CheckpointEvery { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>Threads of libtorch; 0 leaves its setting.</summary>
    public int Threads { get; init; }
}
