using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>A model that changes a picture as a sentence says and leaves the rest of it.</summary>
public interface IImageEditor : ITaskModel
{
    /// <summary>Edits a picture.</summary>
    /// <param name="picture">The picture.</param>
    /// <param name="request">What to change.</param>
    /// <param name="run">When to stop, and who listens; progress counts denoising steps.</param>
    /// <returns>The edited picture and where it was edited.</returns>
    /// <exception cref="ApertureException">The sentences or numbers are not ones that the model takes; the message says which it does.</exception>
    EditedPicture Edit(Picture picture, EditRequest request, TaskRun run);
}

/// <summary>What to change, and how. What is null is the model's default.</summary>
public sealed record EditRequest
{
    /// <summary>The sentence that the edited picture is to fit.</summary>
    public required string Target { get; init; }

    /// <summary>A sentence that fits the picture as it is; null where the model does without.</summary>
    public string? Source { get; init; }

    /// <summary>Seed of all noise.</summary>
    public long? Seed { get; init; }

    /// <summary>Steps of the schedule.</summary>
    public int? Steps { get; init; }

    /// <summary>How far the picture is noised before it is denoised: above 0, at most 1.</summary>
    public double? Strength { get; init; }

    /// <summary>Weight of the sentence against none (classifier-free guidance); 1 is without.</summary>
    public double? Guidance { get; init; }

    /// <summary>Where to edit; null lets the model find it.</summary>
    public MaskImage? Mask { get; init; }

    /// <summary>Whether to find the mask only.</summary>
    public bool MaskOnly { get; init; }
}

/// <summary>An edited picture.</summary>
/// <param name="Picture">The picture; null where only the mask was asked for.</param>
/// <param name="Mask">Where it was edited, in the size of the edited picture; null for a model that edits everywhere.</param>
public sealed record EditedPicture(Picture? Picture, MaskImage? Mask);
