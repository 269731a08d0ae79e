using System.Diagnostics;
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine;

/// <summary>One request through a pipeline: picture, projector, prompt, decoder.</summary>
/// <param name="model">The model.</param>
/// <param name="table">The compiled hooks; null for none.</param>
internal sealed class PipelineRun(VisionLanguageModel model, HookTable? table)
{
    /// <summary>Answers a question and counts what it cost.</summary>
    public Answer Ask(Image? image, string question, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
    {
        WorkCounter counter = new();
        Outcome outcome = Run(image, question, options, onPiece, counter, cancellationToken);
        string text = model.RequireTokenizer().Decode(outcome.Sequence.Tokens).Trim();
        return new Answer
        {
            Text = text,
            Tokens = outcome.Sequence.Tokens,
            Finish = outcome.Sequence.Finish,
            Times = outcome.Times,
            VisualTokens = outcome.Prompt.VisualCount,
            VisualTokensByLayer = counter.VisualTokens,
            Flops = FlopCount.Of(model, counter, outcome.Images, outcome.ProjectedTokens),
            CacheBytes = outcome.CacheBytes,
            TokenMap = image is not null && model.View is { } view ? TokenMap.From(image, view, outcome.Prompt, counter.Layouts) : null,
        };
    }

    /// <summary>The same request with its hooks timed; null where no method acts.</summary>
    public PipelineRun? Timed(HookClock clock) => table is null ? null : new PipelineRun(model, table.Timed(clock));

    /// <summary>Runs a question without counting or tracing.</summary>
    public Outcome Run(Image? image, string question, GenerationOptions? options, Action<string>? onPiece, IDecoderTrace? trace, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        GenerationOptions chosen = model.Complete(options);
        int[] ids = model.Prompt(question, image is null ? 0 : 1);
        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<VisionFeatures> features = image is null ? [] : model.Encode([image], table?.Vision, cancellationToken);
        double vision = Elapsed(ref started);
        (VisualTokens[] tokens, int projected) = Project(features);
        GenerationInput input;
        try
        {
            input = model.BuildInput(ids, tokens);
        }
        finally
        {
            Array.ForEach(tokens, t => t.Dispose());
        }

        double projector = Elapsed(ref started);
        StreamingDecoder? streaming = onPiece is null ? null : new StreamingDecoder(model.RequireTokenizer());
        GenerationControl control = new()
        {
            Stops = model.StopsFor(chosen),
            OnToken = streaming is null ? null : token => onPiece!(streaming.Append(token.Token)),
        };
        GenerationResult result = new TokenGenerator(model.Decoder).Generate(input, chosen, control, table, trace, cancellationToken);
        if (streaming?.Flush() is { Length: > 0 } rest)
        {
            onPiece!(rest);
        }

        double perToken = result.Timings.Decode.Count == 0 ? 0 : Statistics.Median(result.Timings.Decode);
        return new Outcome(result.Sequences[0], input.Layouts[0], new StageTimes(vision, projector, result.Timings.Prefill, 0, perToken), result.CacheBytes, features.Count, projected);
    }

    private (VisualTokens[] Tokens, int Projected) Project(IReadOnlyList<VisionFeatures> features)
    {
        List<VisualTokens> tokens = [];
        int projected = 0;
        foreach (VisionFeatures raw in features)
        {
            VisionFeatures reduced = raw;
            foreach (BeforeProjectorHook hook in table?.BeforeProjector ?? [])
            {
                reduced = hook(reduced);
            }

            using (reduced)
            {
                projected += (int)reduced.Tokens.size(0);
                VisualTokens rows = model.Project(reduced);
                foreach (BeforeDecoderHook hook in table?.BeforeDecoder ?? [])
                {
                    rows = hook(rows);
                }

                tokens.Add(rows);
            }
        }

        return ([.. tokens], projected);
    }

    private double Elapsed(ref long started)
    {
        if (model.Ops.Device.type == DeviceType.CUDA)
        {
            cuda.synchronize(model.Ops.Device);
        }

        long now = Stopwatch.GetTimestamp();
        double milliseconds = Stopwatch.GetElapsedTime(started, now).TotalMilliseconds;
        started = now;
        return milliseconds;
    }

    /// <summary>What a request gave.</summary>
    public sealed record Outcome(GeneratedSequence Sequence, SequenceLayout Prompt, StageTimes Times, long CacheBytes, int Images, int ProjectedTokens);
}
