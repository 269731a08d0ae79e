using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Comparing;

/// <summary>Tells by stage where the time of a question goes.</summary>
public static class StageProfiler
{
    /// <summary>Profiles a pipeline on a question. Measuring costs some microseconds a stage, which are part of the figures.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="image">The picture, encoded anew in each run; null for a question without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to measure; answers are as long as <see cref="GenerationOptions.MaxNewTokens"/> says, however early they would end.</param>
    /// <param name="progress">Told the share that is done, 0 to 1; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">Answers have fewer than two tokens, or the pipeline cannot be built.</exception>
    public static StageProfile Profile(
        Pipeline pipeline, Image? image, string question, MeasureOptions? options = null, IProgress<double>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options = (options ?? new MeasureOptions()).Validate();
        GenerationOptions chosen = pipeline.Model.Complete(options.Generation);
        chosen = chosen with { MinNewTokens = chosen.MaxNewTokens, StopStrings = [] };
        PromptRequest asked = PromptRequest.Of(question, image is null ? [] : [image]);
        Ops ops = pipeline.Model.Ops;
        StagePasses passes = new(ops);
        RequestOutcome? outcome = null;
        for (int run = 0; run <= options.Runs; run++)
        {
            bool kept = run > 0; // the first warms up
            pipeline.Run(
                (request, token) =>
                {
                    passes.Run(kept, clock =>
                    {
                        RequestRun timed = request.Timed(new HookClock(ops.Device) { Stages = clock }) ?? request;
                        outcome = timed.Run([asked], chosen, null, null, token);
                    });
                    return true;
                },
                cancellationToken);
            progress?.Report((run + 1) / (double)(options.Runs + 1));
        }

        return new StageProfile(
            question, pipeline.Label, pipeline.Model.Name, MeasuredOn.Of(ops), outcome!.Prompts[0].Count, passes.First, passes.Later)
        {
            CacheBytes = outcome.CacheBytes,
        };
    }
}
