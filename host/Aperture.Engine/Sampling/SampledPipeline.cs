using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;

namespace Aperture.Sampling;

/// <summary>A pipeline and a question file, for commands of plugins.</summary>
/// <param name="pipeline">The pipeline; borrowed.</param>
/// <param name="items">The questions, each with a picture.</param>
internal sealed class SampledPipeline(Pipeline pipeline, IReadOnlyList<QuestionItem> items) : ISampledPipeline
{
    public string Label => pipeline.Label;

    public SampledAnswer Ask(int sample, int maxNewTokens, CancellationToken cancellationToken)
    {
        PromptRequest asked = PromptRequest.Of(items[sample].Question, [Image.Load(items[sample].Image!)]);
        Answer answer = pipeline.AskNow(asked, new() { MaxNewTokens = maxNewTokens }, null, cancellationToken);
        return new SampledAnswer(answer.Text, answer.VisualTokens, answer.VisualTokensByLayer);
    }
}
