using Aperture.Images;

namespace Aperture.Tasks;

/// <summary>Calls of an image editor.</summary>
public static class ImageEditorCalls
{
    /// <summary>Edits a picture so that it fits a sentence.</summary>
    /// <param name="editor">The editor.</param>
    /// <param name="image">The picture.</param>
    /// <param name="target">The sentence that the edited picture is to fit.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between denoising steps.</param>
    /// <exception cref="ApertureException">The sentence is empty or too long for the model.</exception>
    public static TaskResult<EditedPicture> Edit(
        this OpenTask<IImageEditor> editor, Image image, string target, TaskCall? call = null, CancellationToken cancellationToken = default)
        => editor.Edit(image, new EditRequest { Target = target }, call, cancellationToken);

    /// <summary>Edits a picture.</summary>
    /// <param name="editor">The editor.</param>
    /// <param name="image">The picture.</param>
    /// <param name="request">What to change, and how.</param>
    /// <param name="call">Who listens; null for nobody.</param>
    /// <param name="cancellationToken">Checked between denoising steps.</param>
    /// <exception cref="ApertureException">The sentences or numbers are not ones that the model takes.</exception>
    public static TaskResult<EditedPicture> Edit(
        this OpenTask<IImageEditor> editor, Image image, EditRequest request, TaskCall? call = null, CancellationToken cancellationToken = default)
        => editor.Run(
            (model, run) =>
            {
                TaskInput.Sentence(request.Target, nameof(EditRequest.Target));
                if (!(request.Strength is null or (> 0 and <= 1)))
                {
                    throw new ApertureException($"Strength is {request.Strength}; give a number above 0, at most 1.");
                }

                if (request.Steps < 1)
                {
                    throw new ApertureException($"Steps is {request.Steps}; give 1 or more.");
                }

                return model.Edit(image.ToPicture(), request, run);
            },
            call,
            cancellationToken);
}
