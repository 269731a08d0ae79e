using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>A model that says in a sentence what a picture shows.</summary>
public interface ICaptioner : ITaskModel
{
    /// <summary>Whether it encodes pictures itself; else every input must bring features.</summary>
    bool TakesPictures { get; }

    /// <summary>Captions several inputs.</summary>
    /// <param name="inputs">Pictures or their features, at least one.</param>
    /// <param name="request">How to look for captions.</param>
    /// <param name="run">When to stop, and who listens; progress counts inputs.</param>
    /// <returns>Input by input its captions, the best first, as many as were asked for.</returns>
    /// <exception cref="ApertureException">An input has neither a picture nor features that the model takes, or a number is out of range.</exception>
    IReadOnlyList<IReadOnlyList<ScoredCaption>> Caption(IReadOnlyList<CaptionInput> inputs, CaptionRequest request, TaskRun run);
}

/// <summary>Something to caption: a picture, or features that another model made of it.</summary>
/// <param name="Picture">The picture; null where there are only features.</param>
/// <param name="Features">Its features; null to have them made of the picture.</param>
public sealed record CaptionInput(Picture? Picture, FeatureRows? Features = null)
{
    /// <summary>The picture's id, by which a model finds features in a file that it was opened with; null for none.</summary>
    public string? Id { get; init; }
}

/// <summary>Feature rows of a picture, made elsewhere.</summary>
/// <param name="Values">The values, <c>[rows, channels]</c>, row-major.</param>
/// <param name="Rows">Rows, such as the places of a grid.</param>
/// <param name="Channels">Values of a row.</param>
public sealed record FeatureRows(ReadOnlyMemory<float> Values, int Rows, int Channels);

/// <summary>How to look for captions. What is null is the model's default.</summary>
public sealed record CaptionRequest
{
    /// <summary>The plain request: the best caption.</summary>
    public static CaptionRequest Best { get; } = new();

    /// <summary>Captions wanted of each input, at most as many as beams.</summary>
    public int Count { get; init; } = 1;

    /// <summary>Beams of the search; 1 is greedy.</summary>
    public int? Beams { get; init; }

    /// <summary>The most tokens of a caption.</summary>
    public int? LongestCaption { get; init; }
}

/// <summary>A caption.</summary>
/// <param name="Text">The sentence.</param>
/// <param name="Score">Its log-probability: the sum over its tokens, natural logarithm.</param>
public sealed record ScoredCaption(string Text, double Score);
