using System.Diagnostics;
using System.Diagnostics.Metrics;
using Aperture.Requests;

namespace Aperture.Pipelines;

/// <summary>
/// What the engine tells of its answers: an activity for each, and figures under OpenTelemetry's names for generative AI beside names of our own. Nobody
/// listens unless a program says so (<c>AddSource</c> and <c>AddMeter</c> with <see cref="Name"/>); until then it costs a check.
/// </summary>
public static class EngineTelemetry
{
    /// <summary>The name of activity source and meter.</summary>
    public const string Name = "Aperture";

    private const string Operation = "chat";
    private static readonly InstrumentAdvice<double> _seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    };

    private static readonly ActivitySource _source = new(Name);
    private static readonly Meter _meter = new(Name);
    private static readonly Histogram<double> _duration = Seconds("gen_ai.server.request.duration", "Time of a request on its model.");
    private static readonly Histogram<double> _firstToken = Seconds("gen_ai.server.time_to_first_token", "Time to the first token.");
    private static readonly Histogram<double> _perToken = Seconds("gen_ai.server.time_per_output_token", "Median time of a token after the first.");
    private static readonly Histogram<long> _tokens = _meter.CreateHistogram<long>("gen_ai.client.token.usage", "{token}", "Tokens of prompts and answers.");
    private static readonly Histogram<double> _kept = _meter.CreateHistogram<double>(
        "aperture.visual_tokens.kept", "{token}", "Visual tokens that a decoder layer saw, mean over layers.");

    private static readonly Histogram<long> _flops = _meter.CreateHistogram<long>("aperture.flops", "{operation}", "Operations up to the first token.");

    /// <summary>Runs a request and tells of it.</summary>
    /// <typeparam name="T">What the request gives.</typeparam>
    /// <param name="pipeline">What answers.</param>
    /// <param name="ask">The request.</param>
    /// <param name="answersOf">The answers in what it gives.</param>
    internal static T Observe<T>(Pipeline pipeline, Func<T> ask, Func<T, IReadOnlyList<Answer>> answersOf)
    {
        using Activity? activity = _source.StartActivity($"{Operation} {pipeline.Model.Name}");
        if (activity is null && !_duration.Enabled && !_firstToken.Enabled && !_perToken.Enabled && !_tokens.Enabled && !_kept.Enabled && !_flops.Enabled)
        {
            return ask();
        }

        TagList tags = new()
        {
            { "gen_ai.operation.name", Operation },
            { "gen_ai.provider.name", "aperture" },
            { "gen_ai.request.model", pipeline.Model.Name },
            { "aperture.pipeline", pipeline.Label },
        };
        foreach (KeyValuePair<string, object?> tag in tags)
        {
            activity?.SetTag(tag.Key, tag.Value);
        }

        long started = Stopwatch.GetTimestamp();
        T given;
        try
        {
            given = ask();
        }
        catch (Exception error)
        {
            activity?.SetStatus(ActivityStatusCode.Error, error.Message).SetTag("error.type", error.GetType().Name);
            tags.Add("error.type", error.GetType().Name);
            _duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tags);
            throw;
        }

        _duration.Record(Stopwatch.GetElapsedTime(started).TotalSeconds, tags);
        foreach (Answer answer in answersOf(given))
        {
            Tell(answer, activity, tags);
        }

        return given;
    }

    private static void Tell(Answer answer, Activity? activity, TagList tags)
    {
        double kept = answer.VisualTokensByLayer.Count == 0 ? 0 : answer.VisualTokensByLayer.Average();
        _firstToken.Record(answer.Times.FirstToken / 1000, tags);
        if (answer.Tokens.Count > 1)
        {
            _perToken.Record(answer.Times.DecodePerToken / 1000, tags);
        }

        _kept.Record(kept, tags);
        _flops.Record(answer.Flops.Total, tags);
        activity?.SetTag("gen_ai.usage.input_tokens", answer.PromptTokens + answer.KeptTokens)
            .SetTag("gen_ai.usage.cache_read.input_tokens", answer.KeptTokens)
            .SetTag("gen_ai.usage.output_tokens", answer.Tokens.Count)
            .SetTag("gen_ai.response.finish_reasons", new[] { answer.Finish.ToString() })
            .SetTag("aperture.visual_tokens", answer.VisualTokens)
            .SetTag("aperture.visual_tokens.kept", kept)
            .SetTag("aperture.flops", answer.Flops.Total);
        TagList output = tags;
        tags.Add("gen_ai.token.type", "input");
        output.Add("gen_ai.token.type", "output");
        _tokens.Record(answer.PromptTokens + answer.KeptTokens, tags);
        _tokens.Record(answer.Tokens.Count, output);
    }

    private static Histogram<double> Seconds(string name, string description) => _meter.CreateHistogram(name, "s", description, [], _seconds);
}
