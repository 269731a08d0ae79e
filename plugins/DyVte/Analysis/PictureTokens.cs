using Aperture.Engine;
using Aperture.Evaluation;
using Aperture.Images;
using Aperture.Vision;

namespace Aperture.Analysis;

/// <summary>Prompts of questions about pictures. The last picture's tokens are kept: questions about one picture stand together in most files.</summary>
/// <param name="model">The model; borrowed.</param>
internal sealed class PictureTokens(LlavaModel model) : IDisposable
{
    private (string Path, VisualTokens Tokens)? _last;

    /// <summary>The prompt of a question.</summary>
    /// <param name="item">The question, with a picture.</param>
    /// <param name="cancellationToken">Checked while the picture is encoded.</param>
    /// <returns>Rows and layout; the caller disposes them.</returns>
    public LlavaSequence Prompt(QuestionItem item, CancellationToken cancellationToken)
    {
        if (_last?.Path != item.Image)
        {
            using VisionFeatures features = model.Encode([Image.Load(item.Image!)], cancellationToken)[0];
            VisualTokens tokens = model.Project(features);
            tokens.Rows.DetachFromDisposeScope();
            _last?.Tokens.Dispose();
            _last = (item.Image!, tokens);
        }

        return LlavaSequence.Assemble(model.Decoder, model.Prompt(item.Question, 1), model.Config.ImageToken, 1, [_last!.Value.Tokens], model.Config.MaxPromptRows);
    }

    public void Dispose() => _last?.Tokens.Dispose();
}
