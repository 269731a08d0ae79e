using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>A model that finds the pixels of what a sentence names, or of what points, a box or an earlier mask show.</summary>
public interface ISegmenter : ITaskModel
{
    /// <summary>What it can be prompted with.</summary>
    SegmentPromptKinds Prompts { get; }

    /// <summary>Finds masks for each of several prompts on one picture; what depends on the picture alone is computed once.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="prompts">What to look for, at least one.</param>
    /// <param name="run">When to stop, and who listens.</param>
    /// <returns>Prompt by prompt its masks in the picture's size, the best first, at least one.</returns>
    /// <exception cref="ApertureException">A prompt is empty, of a kind that the model does not take, or outside the picture.</exception>
    IReadOnlyList<IReadOnlyList<SegmentedMask>> Segment(Picture picture, IReadOnlyList<SegmentPrompt> prompts, TaskRun run);
}

/// <summary>Kinds of prompts.</summary>
[Flags]
public enum SegmentPromptKinds
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A sentence.</summary>
    Text = 1,

    /// <summary>Points inside and outside.</summary>
    Points = 2,

    /// <summary>A box around it.</summary>
    Box = 4,

    /// <summary>An earlier mask.</summary>
    Mask = 8,
}

/// <summary>One thing to find. What is given counts together.</summary>
public sealed record SegmentPrompt
{
    /// <summary>A sentence that names it; null for none.</summary>
    public string? Text { get; init; }

    /// <summary>Points inside and outside of it.</summary>
    public IReadOnlyList<PromptPoint> Points { get; init; } = [];

    /// <summary>A box around it; null for none.</summary>
    public PixelBox? Box { get; init; }

    /// <summary>An earlier mask of it, best the <see cref="SegmentedMask.Logits"/> of one; null for none.</summary>
    public MaskImage? Mask { get; init; }

    /// <summary>Whether to give every reading of the prompt (part, thing, group) instead of the one that the model takes for the best.</summary>
    public bool AllReadings { get; init; }

    /// <summary>The kinds that are given.</summary>
    public SegmentPromptKinds Kinds
        => (Text is null ? 0 : SegmentPromptKinds.Text) | (Points.Count == 0 ? 0 : SegmentPromptKinds.Points)
            | (Box is null ? 0 : SegmentPromptKinds.Box) | (Mask is null ? 0 : SegmentPromptKinds.Mask);
}

/// <summary>A point of a prompt.</summary>
/// <param name="X">Column in pixels, from 0 at the left edge.</param>
/// <param name="Y">Row in pixels, from 0 at the top edge.</param>
/// <param name="IsInside">Whether it lies on what is looked for; else beside it.</param>
public readonly record struct PromptPoint(double X, double Y, bool IsInside = true);

/// <summary>A box in a picture, in pixels from the top left corner.</summary>
/// <param name="Left">Left edge.</param>
/// <param name="Top">Top edge.</param>
/// <param name="Right">Right edge.</param>
/// <param name="Bottom">Bottom edge.</param>
public readonly record struct PixelBox(double Left, double Top, double Right, double Bottom);

/// <summary>A mask that was found.</summary>
/// <param name="Mask">The mask, of the picture's size, with the model's threshold.</param>
/// <param name="Score">How good the model takes it to be (its estimate of the IoU); NaN for a model that does not say.</param>
/// <param name="Logits">The mask as it left the decoder, in its own size, to prompt with again; null where that makes no sense.</param>
public sealed record SegmentedMask(MaskImage Mask, double Score, MaskImage? Logits = null);
