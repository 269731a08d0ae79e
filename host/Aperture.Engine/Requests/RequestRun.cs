using System.Diagnostics;
using Aperture.Benchmarks;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>Runs requests to their answers: one question, or several in one batch.</summary>
/// <param name="model">The model.</param>
/// <param name="table">The compiled hooks; null for none.</param>
/// <param name="kept">What earlier questions left, where it is to be used; null for every question afresh.</param>
internal sealed class RequestRun(Model model, HookTable? table, KeptPrefixes? kept = null)
{
    private readonly RequestPath _path = new(model, table);
    private readonly PrefixRun? _prefixes = kept is null ? null : new PrefixRun(model, table, kept);

    /// <summary>Sees pictures for later questions.</summary>
    public Seen See(IReadOnlyList<Image> images, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        WorkCounter counter = new();
        using RequestContext request = _path.Begin(1, counter, cancellationToken);
        return _path.See(request, images).With(request.TakeShared(), counter.OwnMacs);
    }

    /// <summary>What the encoder, and methods before and inside the decoder, tell of a picture's places; of several tiles those of the first.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="names">Names of the values; <c>*</c> stands for any characters.</param>
    /// <param name="question">What is asked meanwhile; null to look at the picture alone, for values before the decoder.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder and between layers.</param>
    /// <exception cref="ApertureException">Nobody tells such a value, or the picture's rows have no grid.</exception>
    public HeatMap Map(Image image, string names, string? question, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        PictureListener listener = new(names);
        using RequestContext request = _path.Begin(1, listener, cancellationToken);
        using Seen seen = _path.See(request, [image]);
        LetMethodsTell(request, seen);
        VisualSegment segment = seen.Segments[0][0];
        HeatMapPanel[] panels =
        [
            .. listener.Values.Where(value => value.Picture.Tile == segment.Tile && value.Values.Length == segment.Grid.Count)
                .Select(value => new HeatMapPanel(value.Name, value.Values)),
        ];
        IEnumerable<string> offered = listener.Names;
        if (question is not null)
        {
            LayerListener inside = new(names, segment.Grid.Count, seen.Segments[0].Sum(tile => tile.Grid.Count));
            Prefill(PromptRequest.Of(question, [image]), inside, cancellationToken);
            panels = [.. panels, .. inside.Values.Select(value => new HeatMapPanel(value.Name, value.Values))];
            offered = offered.Concat(inside.Names);
        }

        if (segment.Area is not { } area || panels.Length == 0)
        {
            string all = string.Join(", ", offered), told = all.Length == 0 ? "none is told" : $"told are {all}";
            throw new ApertureException(
                $"Neither the vision encoder of {model.Name} nor a method tells '{names}' with one number for each of {segment.Grid.Count} places; {told}.");
        }

        PictureView view = PictureView.Of(image, [area]);
        return new HeatMap(view.Picture, view.Inside(area), segment.Grid, panels);
    }

    private void Prefill(PromptRequest asked, IDecoderTrace trace, CancellationToken cancellationToken)
    {
        using EnteredRequest entered = Enter([asked], trace, 1, cancellationToken);
        using GenerationSession session = new(model.Decoder, entered.Request);
        session.Prefill(entered.TakeRows(), cancellationToken);
    }

    private void LetMethodsTell(RequestContext request, Seen seen)
    {
        int rows = 0;
        foreach (VisualTokens tokens in _path.Project(request, 0, seen.Features, ref rows))
        {
            tokens.Dispose();
        }
    }

    /// <summary>Answers a question and counts what it cost.</summary>
    public Answer Ask(PromptRequest asked, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
    {
        WorkCounter counter = new();
        return Answer(Run([asked], options, onPiece, counter, cancellationToken), counter, asked, 0);
    }

    /// <summary>Answers questions in one batch and counts what each cost.</summary>
    public IReadOnlyList<Answer> Ask(IReadOnlyList<PromptRequest> asked, GenerationOptions? options, CancellationToken cancellationToken)
    {
        WorkCounter counter = new();
        RequestOutcome outcome = Run(asked, options, null, counter, cancellationToken);
        return [.. asked.Select((own, sample) => Answer(outcome, counter, own, sample))];
    }

    /// <summary>The same requests with their hooks timed up to the first token; null where no method acts.</summary>
    public RequestRun? Timed(HookClock clock) => table is null ? null : new RequestRun(model, table.Timed(clock));

    /// <summary>The same requests behind what earlier ones left.</summary>
    public RequestRun Keeping(KeptPrefixes prefixes) => new(model, table, prefixes);

    /// <summary>Runs questions in one batch without counting.</summary>
    public RequestOutcome Run(
        IReadOnlyList<PromptRequest> asked, GenerationOptions? options, Action<string>? onPiece, IDecoderTrace? trace, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        GenerationOptions chosen = model.Complete(options).Validate();
        using EnteredRequest entered = Enter(asked, trace, chosen.MaxNewTokens, cancellationToken);
        int asking = chosen.MaxNewTokens;
        chosen = PromptLength.Limited(chosen, entered.Layouts, model);
        StreamingDecoder? streaming = onPiece is null ? null : new StreamingDecoder(model.RequireTokenizer());
        GenerationControl control = new()
        {
            Stops = model.StopsFor(chosen),
            OnToken = streaming is null ? null : token => onPiece!(streaming.Append(token.Token)),
        };
        using GenerationSession session = new(model.Decoder, entered.Request);
        IReadOnlyList<PromptStart> starts = Prefill(session, entered, out double prefill, cancellationToken);
        GenerationResult result = session.Generate(chosen, control, entered.SeenIds, cancellationToken);
        if (chosen.MaxNewTokens < asking && result.Sequences.Any(sequence => sequence.Finish == FinishReason.Length))
        {
            model.Tell($"An answer ends after {chosen.MaxNewTokens} tokens because {model.Name} can read no more rows; ask for less, or show fewer pictures.");
        }

        if (streaming?.Flush() is { Length: > 0 } rest)
        {
            onPiece!(rest);
        }

        double perToken = result.Timings.Decode.Count == 0 ? 0 : Statistics.Median(result.Timings.Decode);
        StageTimes times = new(entered.VisionMilliseconds, entered.ProjectorMilliseconds, prefill, 0, perToken);
        return new RequestOutcome(result.Sequences, entered.Layouts, times, result.CacheBytes, entered.VisionMacs, entered.ProjectedRows, entered.SeenRows)
        {
            Encoded = entered.Encoded,
            Starts = starts,
        };
    }

    // The prompts run: whole, or behind what earlier questions left.
    private IReadOnlyList<PromptStart> Prefill(
        GenerationSession session, EnteredRequest entered, out double milliseconds, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        IReadOnlyList<PromptStart> starts = _prefixes?.Start(entered, cancellationToken) ?? [];
        double before = starts.Count == 0 ? 0 : _path.Elapsed(ref started);
        if (starts.Count == 0)
        {
            session.Prefill(entered.TakeRows(), cancellationToken);
        }
        else
        {
            SequenceLayout[] rest = [.. entered.Layouts.Select((layout, sample) => LayoutSlice.After(layout, starts[sample].Rows))];
            session.Prefill(entered.TakeRows([.. starts.Select(start => start.Rows)]), rest, cancellationToken);
        }

        milliseconds = before + session.LastForward;
        return starts;
    }

    /// <summary>Brings questions to where they enter the decoder.</summary>
    /// <param name="asked">The questions.</param>
    /// <param name="trace">Who listens; null for nobody.</param>
    /// <param name="reserve">Rows expected after the prompt; null to run without a cache.</param>
    /// <param name="cancellationToken">Fires when it is to stop.</param>
    /// <param name="given">Per question token ids that follow its prompt, such as a given answer, however long the prompt is; null for none.</param>
    /// <returns>The request with its rows; the caller disposes it.</returns>
    public EnteredRequest Enter(
        IReadOnlyList<PromptRequest> asked, IDecoderTrace? trace, int? reserve, CancellationToken cancellationToken, IReadOnlyList<int[]>? given = null)
    {
        int[][] ids = [.. asked.Select(own => model.Prompts.Compose(own.Messages))];
        Array.ForEach(ids, own => TokenRows.Require(own, model));
        RequestContext request = _path.Begin(asked.Count, trace, cancellationToken);
        EnteredRequest entered = new(request);
        try
        {
            for (int sample = 0; sample < asked.Count; sample++)
            {
                Bring(entered, sample, asked[sample], ids[sample], given?[sample] ?? []);
            }

            entered.Enter(reserve is { } rows ? new KvCache(model.Decoder.Info.Layers, asked.Count, rows, model.Ops.Cache) : null);
            return entered;
        }
        catch
        {
            entered.Dispose();
            throw;
        }
    }

    private void Bring(EnteredRequest entered, int sample, PromptRequest asked, int[] ids, int[] given)
    {
        Seen? kept = asked.Seen, own = null;
        kept?.Take(model, table?.DeclaredVision, _path.RowsOf(entered.Request, kept.Images, sample));
        try
        {
            if (kept is null && asked.Images.Count > 0)
            {
                own = _prefixes?.See(_path, entered.Request, asked.Images, sample) ?? _path.See(entered.Request, asked.Images, sample);
                entered.VisionMilliseconds += own.Milliseconds;
                entered.Encoded += own.Encoded;
            }

            kept?.Recall(entered.Request);
            long started = Stopwatch.GetTimestamp();
            IReadOnlyList<VisionFeatures> features = (kept ?? own)?.Features ?? [];
            int projected = 0, separators = 0;
            IReadOnlyList<VisualTokens> tokens = _path.Project(entered.Request, sample, features, ref projected, ref separators, 0);
            try
            {
                entered.Add(_path.Follow(PromptLength.Required(_path.Pack(ids, tokens), model), given));
            }
            finally
            {
                foreach (VisualTokens token in tokens)
                {
                    token.Dispose();
                }
            }

            entered.ProjectedRows += projected;
            entered.VisionMacs += features.Sum(picture => picture.Macs);
            entered.SeenRows += separators + features.Sum(picture => picture.Segments.Sum(segment => segment.Rows));
            entered.ProjectorMilliseconds += _path.Elapsed(ref started);
        }
        finally
        {
            kept?.Return();
            own?.Dispose();
        }
    }

    private Answer Answer(RequestOutcome outcome, WorkCounter counter, PromptRequest asked, int sample)
    {
        GeneratedSequence sequence = outcome.Sequences.First(own => own.Prompt == sample);
        SequenceLayout prompt = outcome.Prompts[sample];
        PromptStart? start = outcome.Starts.Count == 0 ? null : outcome.Starts[sample];
        IReadOnlyList<SequenceLayout> layouts = counter.LayoutsOf(sample);
        layouts = start?.Whole(prompt, layouts) ?? layouts;
        return new Answer
        {
            Text = model.RequireTokenizer().Decode(sequence.Tokens).Trim(),
            Tokens = sequence.Tokens,
            Finish = sequence.Finish,
            Times = outcome.Times,
            PromptTokens = prompt.Count - (start?.Kept ?? 0),
            KeptTokens = start?.Kept ?? 0,
            VisualTokens = prompt.VisualCount,
            VisualTokensByLayer = [.. layouts.Select(layout => layout.VisualCount)],
            Flops = FlopCount.Of(model, counter, outcome),
            CacheBytes = outcome.CacheBytes,
            TokenMaps = [.. asked.Pictures.Select((picture, image) => TokenMap.From(picture, image, prompt, layouts)).OfType<TokenMap>()],
        };
    }
}

/// <summary>What a batch of requests gave.</summary>
/// <param name="Sequences">The answers; each names its prompt.</param>
/// <param name="Prompts">The sequences as they entered the decoder.</param>
/// <param name="Times">Wall time by stage, of the whole batch.</param>
/// <param name="CacheBytes">Bytes of the cache at the end.</param>
/// <param name="VisionMacs">Multiply-accumulates that encoding the pictures took, now or when they were seen.</param>
/// <param name="ProjectedRows">Rows through the projector.</param>
/// <param name="SeenRows">Visual rows before any method between encoder and decoder acted.</param>
internal sealed record RequestOutcome(
    IReadOnlyList<GeneratedSequence> Sequences, IReadOnlyList<SequenceLayout> Prompts, StageTimes Times, long CacheBytes, long VisionMacs, int ProjectedRows,
    int SeenRows)
{
    /// <summary>Pictures that were encoded.</summary>
    public int Encoded { get; init; }

    /// <summary>What stood in front of the forward that gave the first token, one a prompt; empty where every prompt ran in that forward.</summary>
    public IReadOnlyList<PromptStart> Starts { get; init; } = [];
}
