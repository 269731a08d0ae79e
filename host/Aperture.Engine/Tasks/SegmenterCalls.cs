using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Tasks;

/// <summary>Calls of a segmenter.</summary>
public static class SegmenterCalls
{
    /// <summary>What it can be prompted with.</summary>
    /// <param name="segmenter">The segmenter.</param>
    public static SegmentPromptKinds Prompts(this OpenTask<ISegmenter> segmenter) => segmenter.Read(model => model.Prompts);

    /// <summary>The mask of what a sentence names.</summary>
    /// <param name="segmenter">The segmenter.</param>
    /// <param name="image">The picture.</param>
    /// <param name="text">The sentence.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">The model takes no sentences.</exception>
    public static TaskResult<SegmentedMask> Segment(
        this OpenTask<ISegmenter> segmenter, Image image, string text, TaskCall? call = null, CancellationToken cancellationToken = default)
        => segmenter.Segment(image, [new SegmentPrompt { Text = text }], call, cancellationToken).Select(prompts => prompts[0][0]);

    /// <summary>The masks of one prompt, the best first.</summary>
    /// <param name="segmenter">The segmenter.</param>
    /// <param name="image">The picture.</param>
    /// <param name="prompt">What to look for: text, points, a box, a mask.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">The prompt is empty, of a kind that the model does not take, or outside the picture.</exception>
    public static TaskResult<IReadOnlyList<SegmentedMask>> Segment(
        this OpenTask<ISegmenter> segmenter, Image image, SegmentPrompt prompt, TaskCall? call = null, CancellationToken cancellationToken = default)
        => segmenter.Segment(image, [prompt], call, cancellationToken).Select(prompts => prompts[0]);

    /// <summary>The masks of several prompts on one picture.</summary>
    /// <param name="segmenter">The segmenter.</param>
    /// <param name="image">The picture.</param>
    /// <param name="prompts">What to look for, at least one.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Prompt by prompt its masks in the picture's size, the best first.</returns>
    /// <exception cref="ApertureException">A prompt is empty, of a kind that the model does not take, or outside the picture.</exception>
    public static TaskResult<IReadOnlyList<IReadOnlyList<SegmentedMask>>> Segment(
        this OpenTask<ISegmenter> segmenter,
        Image image,
        IReadOnlyList<SegmentPrompt> prompts,
        TaskCall? call = null,
        CancellationToken cancellationToken = default)
        => segmenter.Run(
            (model, run) =>
            {
                foreach (SegmentPrompt prompt in TaskInput.Some(prompts, "prompts"))
                {
                    Check(model, image, prompt);
                }

                return model.Segment(image.ToPicture(), prompts, run);
            },
            call,
            cancellationToken);

    private static void Check(ISegmenter model, Image image, SegmentPrompt prompt)
    {
        if (prompt.Kinds == SegmentPromptKinds.None || (prompt.Text is { } text && string.IsNullOrWhiteSpace(text)))
        {
            throw new ApertureException($"The prompt is empty; give it {model.Prompts}.");
        }

        if ((prompt.Kinds & ~model.Prompts) is not SegmentPromptKinds.None and var other)
        {
            throw new ApertureException($"'{model.Name}' takes no {other} for a prompt; it takes {model.Prompts}.");
        }

        foreach (PromptPoint point in prompt.Points.Where(point => !(point.X >= 0 && point.X <= image.Width && point.Y >= 0 && point.Y <= image.Height)))
        {
            throw new ApertureException($"The point ({point.X}, {point.Y}) is not in the picture of {image.Width}x{image.Height} pixels.");
        }

        if (prompt.Box is { } box && !(Covers(box.Left, box.Right, image.Width) && Covers(box.Top, box.Bottom, image.Height)))
        {
            throw new ApertureException(
                $"The box from ({box.Left}, {box.Top}) to ({box.Right}, {box.Bottom}) covers nothing of the picture of {image.Width}x{image.Height} pixels; "
                + "give left, top, right, bottom.");
        }
    }

    private static bool Covers(double from, double to, int size) => from < to && to > 0 && from < size;
}
