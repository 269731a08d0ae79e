using Aperture.Data;
using Aperture.Images;
using Aperture.Models;
using Aperture.Requests;

namespace Aperture.Evaluation;

/// <summary>
/// The pictures of a question file as the rows of an evaluation see them: once a model, unless a method acts before or inside the encoder, and once more in
/// grey.
/// </summary>
/// <param name="preparation">What becomes of a picture first.</param>
internal sealed class EvaluationPictures(ImagePreparation preparation) : IDisposable
{
    private readonly Dictionary<EvaluationRow, SeenPictures> _ofRows = [];
    private readonly Dictionary<(Model Model, bool IsBlind), SeenPictures> _shared = [];

    /// <summary>The request of a question.</summary>
    /// <param name="row">Who is asked.</param>
    /// <param name="item">The question.</param>
    /// <param name="question">The text that is asked.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder.</param>
    /// <returns>Good until the next call.</returns>
    public PromptRequest Ask(EvaluationRow row, QuestionItem item, string question, CancellationToken cancellationToken)
        => item.Image is { } path ? PromptRequest.Of(question, Of(row).Load(path, cancellationToken)) : PromptRequest.Of(question, []);

    /// <summary>Disposes what was seen.</summary>
    public void Dispose()
    {
        foreach (SeenPictures pictures in _ofRows.Values.Distinct())
        {
            pictures.Dispose();
        }
    }

    private SeenPictures Of(EvaluationRow row)
    {
        if (!_ofRows.TryGetValue(row, out SeenPictures? pictures))
        {
            bool isOwn = row.Pipeline.Hooks is { Sees: true };
            pictures = !isOwn && _shared.TryGetValue((row.Model, row.IsBlind), out SeenPictures? shared) ? shared
                : new SeenPictures(
                    (image, token) => row.Pipeline.Run((run, inner) => run.See([image], inner), token),
                    path => row.IsBlind ? Grey(preparation.Apply(Image.Load(path))) : preparation.Apply(Image.Load(path)));
            _ofRows[row] = pictures;
            if (!isOwn)
            {
                _shared[(row.Model, row.IsBlind)] = pictures;
            }
        }

        return pictures;
    }

    private static Image Grey(Image image) => Image.Filled(image.Width, image.Height, 128, 128, 128);
}
