using Aperture.Images;

namespace Aperture.Tasks;

/// <summary>Calls of a captioner.</summary>
public static class CaptionerCalls
{
    /// <summary>The best caption of a picture.</summary>
    /// <param name="captioner">The captioner.</param>
    /// <param name="image">The picture.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between tokens.</param>
    /// <exception cref="ApertureException">The model takes features only.</exception>
    public static TaskResult<ScoredCaption> Caption(
        this OpenTask<ICaptioner> captioner, Image image, TaskCall? call = null, CancellationToken cancellationToken = default)
        => captioner.Caption([new CaptionInput(image.ToPicture())], null, call, cancellationToken).Select(inputs => inputs[0][0]);

    /// <summary>Captions of several pictures or of features that were made of them.</summary>
    /// <param name="captioner">The captioner.</param>
    /// <param name="inputs">The pictures or features, at least one.</param>
    /// <param name="request">How to look for captions; null for the best one of each.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between tokens.</param>
    /// <returns>Input by input its captions, the best first.</returns>
    /// <exception cref="ApertureException">An input has neither a picture nor features that the model takes, or a number is out of range.</exception>
    public static TaskResult<IReadOnlyList<IReadOnlyList<ScoredCaption>>> Caption(
        this OpenTask<ICaptioner> captioner,
        IReadOnlyList<CaptionInput> inputs,
        CaptionRequest? request = null,
        TaskCall? call = null,
        CancellationToken cancellationToken = default)
        => captioner.Run(
            (model, run) =>
            {
                CaptionRequest asked = request ?? CaptionRequest.Best;
                foreach (CaptionInput input in TaskInput.Some(inputs, "inputs"))
                {
                    Check(model, input);
                }

                return asked.Count >= 1 ? model.Caption(inputs, asked, run) : throw new ApertureException($"Count is {asked.Count}; give 1 or more.");
            },
            call,
            cancellationToken);

    private static void Check(ICaptioner model, CaptionInput input)
    {
        if (input.Features is null && input.Id is null && (input.Picture is null || !model.TakesPictures))
        {
            throw new ApertureException(model.TakesPictures
                ? "An input has neither a picture nor features; give one of them."
                : $"'{model.Name}' encodes no pictures; give features of the picture, or the id of some.");
        }

        if (input.Features is { } features && features.Values.Length != (long)features.Rows * features.Channels)
        {
            throw new ApertureException($"{features.Values.Length} values are no {features.Rows} feature rows of {features.Channels} channels.");
        }
    }
}
