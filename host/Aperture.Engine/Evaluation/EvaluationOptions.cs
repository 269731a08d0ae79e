using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;

namespace Aperture.Evaluation;

/// <summary>How a question file is scored.</summary>
public sealed record EvaluationOptions
{
    private const int Short = 16;

    /// <summary>Longest answer in tokens; null for the checkpoint's own, or 16 where it says none.</summary>
    public int? MaxNewTokens { get; init; }

    /// <summary>Changes the checkpoint's generation settings; null to take them as they are. Drawing has the seed 0 unless it is changed.</summary>
    public Func<GenerationOptions, GenerationOptions>? Generation { get; init; }

    /// <summary>The rule that answers are scored by.</summary>
    public AnswerScoring Scoring { get; init; } = AnswerScoring.All[0];

    /// <summary>Whether every pipeline's pictures are replaced by plain grey: what the questions alone give away.</summary>
    public bool Blind { get; init; }

    /// <summary>Whether the first pipeline is scored a second time with its pictures replaced by plain grey.</summary>
    public bool AddBlind { get; init; }

    /// <summary>
    /// Whether a row for each baseline of the plugins (<see cref="Plugins.IMethodFactory.BaselineOption"/>) is added behind every pipeline that does more than
    /// baselines do, with as many visual tokens as its FLOPs allow.
    /// </summary>
    public bool AddBaselines { get; init; }

    /// <summary>
    /// Whether a picture that does not open ends the run before the first question; else its questions count as wrong, and the others are asked.
    /// </summary>
    public bool Strict { get; init; }

    /// <summary>What becomes of pictures before the model's own processor gets them.</summary>
    public ImagePreparation Pictures { get; init; } = ImagePreparation.None;

    /// <summary>
    /// Folder for one line an answer, written as it comes, and the summary at the end; null to keep all in memory. A run that was stopped goes on from what is
    /// there. Methods of the caller's own are known there by their names alone.
    /// </summary>
    public string? Output { get; init; }

    /// <summary>Checks the values.</summary>
    /// <exception cref="ApertureException">A value is out of range.</exception>
    internal EvaluationOptions Validate()
    {
        (MaxNewTokens is { } tokens ? new GenerationOptions { MaxNewTokens = tokens } : new GenerationOptions()).Validate();
        return this;
    }

    /// <summary>How a model's answers are generated.</summary>
    internal GenerationOptions For(Model model)
    {
        GenerationOptions own = model.WithLength(Short);
        own = own with { MaxNewTokens = MaxNewTokens ?? own.MaxNewTokens, Seed = own.Seed ?? 0 };
        return Generation?.Invoke(own) ?? own;
    }
}
