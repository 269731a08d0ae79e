namespace Aperture.Workshop;

/// <summary>How one stage trains.</summary>
/// <param name="Stage">The stage.</param>
/// <param name="Steps">Steps.</param>
/// <param name="Pictures">Pictures in a step.</param>
/// <param name="AdamRate">Peak rate of AdamW.</param>
/// <param name="MuonRate">Peak rate of Muon, which trains the decoder's matrices.</param>
/// <param name="PatchesPerPlace">Visual tokens of each place that the decoder sees, 1 to 16, drawn at random; a last share of the steps sees all.</param>
public sealed record ShelfStageOptions(ShelfStage Stage, int Steps, int Pictures, double AdamRate, double MuonRate, int PatchesPerPlace)
{
    /// <summary>Steps over which rates rise from 0.</summary>
    public int WarmUp { get; init; } = 50;

    /// <summary>Share of the steps, at the end, over which rates fall to 0.</summary>
    public double Decay { get; init; } = 0.4;

    /// <summary>
    /// Weight of the patches that labels lie in, beside all patches: what is printed is read there before the other patches of the place can know it.
    /// </summary>
    public double LabelWeight { get; init; }

    /// <summary>Share of the steps, at the end, in which the decoder sees every patch.</summary>
    public double AllPatches { get; init; }

    /// <summary>The types of question that are asked; null for all.</summary>
    public IReadOnlyList<ShelfQuestionType>? Types { get; init; }

    /// <summary>Rows of questions and answers behind each picture.</summary>
    public int TextRows { get; init; } = 110;
}
