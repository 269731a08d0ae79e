using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Text;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// A conversation whose keys and values stay: a turn runs the rows that the turn before had not. Every turn packs the whole conversation as a question afresh
/// would, keeps the cache up to the first row that differs and runs the rest behind it. So nothing depends on how a template writes answers down, and taking
/// turns back needs nothing of its own. Used inside a request's turn, by one thread at a time; disposing it is safe at any time between.
/// </summary>
internal sealed class LiveConversation : IDisposable
{
    private readonly Lock _gate = new();
    private readonly Model _model;
    private readonly LiveTrace _trace = new();
    private readonly HashSet<string> _told = [];
    private HookTable? _table;
    private RequestPath? _path;
    private RequestContext? _request; // until the session owns it
    private GenerationSession? _session;
    private LiveRows? _rows;
    private LivePictures _pictures = new();

    /// <param name="model">The model; borrowed.</param>
    /// <param name="table">The compiled hooks, of use until this is disposed; null for none.</param>
    public LiveConversation(Model model, HookTable? table) => (_model, _table, _path) = (model, table, new RequestPath(model, table));

    /// <summary>Whether it can go on: its methods are still there.</summary>
    public bool IsDisposed => Volatile.Read(ref _path) is null;

    /// <summary>Answers.</summary>
    /// <param name="turn">What is asked.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <returns>The answer, whole or as far as it came.</returns>
    /// <exception cref="ApertureException">The conversation cannot be, or is longer than the model can read.</exception>
    /// <exception cref="OperationCanceledException">It was stopped before the first token.</exception>
    public LiveAnswer Run(LiveTurn turn, CancellationToken cancellationToken)
    {
        using IDisposable mode = inference_mode();
        int[] ids = _model.Prompts.Compose(turn.Asked.Messages);
        TokenRows.Require(ids, _model);
        WorkCounter counter = _trace.Begin();
        LetGoWhereNeeded(turn);
        (PackedPrompt packed, PictureCost cost) = Pack(ids, turn, cancellationToken);
        SequenceLayout ran;
        double prefill;
        int next;
        using (packed)
        {
            next = packed.NextPosition ?? packed.Layout.NextPosition;
            RefuseTooLong(packed.Layout, next);
            (ran, prefill) = Forward(packed, next, turn, cancellationToken);
        }

        return Generate(turn, packed.SeenIds, next, new RunTurn(ran, cost, prefill, counter), cancellationToken);
    }

    /// <summary>Frees the cache and forgets the methods.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            Forget(alsoPictures: true);
            (_path, _table) = (null, null); // of the plugins' types, which must not stay in memory for this
        }
    }

    // Where a method acts on prompts alone, the conversation is one prompt again.
    private void LetGoWhereNeeded(LiveTurn turn)
    {
        if (_session is null || _table is null || turn.Begun.Length > 0)
        {
            return; // what goes on with an answer is no further turn
        }

        int common = _pictures.Common(turn.Images);
        bool shows = common < turn.Images.Count;
        SequenceLayout prompt = _request!.Prompt(0);
        if (prompt.HasPrivate || prompt.OriginalSpans.Any(span => span.Image >= common))
        {
            Forget(alsoPictures: true);
            return;
        }

        foreach (PromptOnlyMethod method in _table.PromptOnly)
        {
            if (method.OnlyDrops && !shows)
            {
                if (turn.Images.Count > 0)
                {
                    Tell(turn, $"{method.Method} chose the rows of the pictures by the question that showed them; later turns go on with those.");
                }

                continue;
            }

            Tell(turn, method.OnlyDrops
                ? $"{method.Method} drops rows of a whole prompt only, so a later turn that shows a picture runs the whole conversation afresh."
                : $"{method.Method} acts on whole prompts only, so every turn runs the whole conversation afresh.");
            Forget(alsoPictures: true);
        }
    }

    // The whole conversation as it would be asked afresh, with what the answer has already behind it.
    private (PackedPrompt Packed, PictureCost Cost) Pack(int[] ids, LiveTurn turn, CancellationToken cancellationToken)
    {
        PictureCost cost = default;
        while (true)
        {
            _request ??= _path!.Begin(1, _trace, cancellationToken);
            _request.Cancellation = cancellationToken;
            cost += _pictures.See(_path!, _request, turn.Images);
            PackedPrompt packed = _path!.Follow(_path.Pack(ids, _pictures.Tokens), turn.Begun.Length > 1 ? turn.Begun[..^1] : []);
            if (_session is null || _table is null || Kept(packed, turn) > 0)
            {
                return (packed, cost);
            }

            // Methods decided about the prompt as it is not any more.
            packed.Dispose();
            Forget(alsoPictures: true);
        }
    }

    private void RefuseTooLong(SequenceLayout layout, int next)
    {
        bool isCut = layout.Count < layout.OriginalCount;
        if (isCut || next >= Limit)
        {
            throw new ApertureException(
                $"With this turn the conversation has {Math.Max(layout.OriginalCount, next)} rows, more than the {(isCut ? layout.Count : Limit)} that "
                + $"{_model.Name} can read; undo turns or clear the chat.");
        }
    }

    private int Limit => _model.Decoder.Spec.Rotary.Reach;

    private (SequenceLayout Ran, double Milliseconds) Forward(PackedPrompt packed, int next, LiveTurn turn, CancellationToken cancellationToken)
    {
        if (_session is null)
        {
            return (Begin(packed, next, turn.Options.MaxNewTokens, cancellationToken), _session!.LastForward);
        }

        int kept = Kept(packed, turn);
        _session.Rewind(kept);
        _rows!.Truncate(kept);
        _session.Request.Place(0, next);
        SequenceLayout rest = LayoutSlice.After(packed.Layout, kept);
        if (rest.Count == 0)
        {
            return (rest, 0);
        }

        try
        {
            using Tensor behind = packed.Rows.narrow(0, kept, rest.Count); // [rows, d] -> [rest, d]
            _session.Extend(behind.clone(), rest, next, cancellationToken);
        }
        catch (OperationCanceledException)
        {
            _session.Rewind(kept);
            throw;
        }
        catch
        {
            Forget(alsoPictures: true);
            throw;
        }

        _rows.Add(packed);
        return (rest, _session.LastForward);
    }

    private SequenceLayout Begin(PackedPrompt packed, int next, int reserve, CancellationToken cancellationToken)
    {
        try
        {
            _request!.Enter([packed.Layout], new KvCache(_model.Decoder.Info.Layers, 1, reserve, _model.Ops.Cache), [next]);
            _session = new GenerationSession(_model.Decoder, _request);
            _session.Prefill(packed.Rows.clone(), cancellationToken);
            _rows = new LiveRows(_model.Decoder.Spec.PositionAxes);
            _rows.Add(packed);
            return packed.Layout;
        }
        catch
        {
            Forget(alsoPictures: _table is not null);
            throw;
        }
    }

    private LiveAnswer Generate(LiveTurn turn, IReadOnlyList<int> seen, int next, RunTurn run, CancellationToken cancellationToken)
    {
        List<int> tokens = [.. turn.Begun];
        StreamingDecoder? streaming = turn.OnPiece is null ? null : new StreamingDecoder(_model.RequireTokenizer());
        tokens.ForEach(token => streaming?.Append(token));
        GenerationControl control = new()
        {
            Stops = _model.StopsFor(turn.Options),
            OnToken = token =>
            {
                tokens.Add(token.Token);
                if (streaming is not null)
                {
                    turn.OnPiece!(streaming.Append(token.Token));
                }
            },
        };
        int room = Limit - next + Math.Max(turn.Begun.Length - 1, 0);
        bool isShort = turn.Options.MaxNewTokens > room;
        GenerationOptions options = isShort
            ? turn.Options with { MaxNewTokens = room, MinNewTokens = Math.Min(turn.Options.MinNewTokens, room) }
            : turn.Options;
        FinishReason finish = FinishReason.Stopped;
        IReadOnlyList<double> times = [];
        OperationCanceledException? stopped = null;
        int rows = _rows!.Count;
        try
        {
            GenerationResult result = turn.Begun.Length > 0
                ? _session!.Resume(turn.Begun, options, control, [.. seen], cancellationToken)
                : _session!.Generate(options, control, [[.. seen]], cancellationToken);
            (finish, times) = (result.Sequences[0].Finish, result.Timings.Decode);
            tokens = [.. result.Sequences[0].Tokens];
        }
        catch (OperationCanceledException e) when (tokens.Count > 0)
        {
            stopped = e;
        }
        catch
        {
            Forget(alsoPictures: true);
            throw;
        }

        long bytes;
        if (options.Beams > 1)
        {
            bytes = _session!.Request.Cache!.Bytes;
            Forget(alsoPictures: _table is not null); // beams leave no sequence to go on with
        }
        else
        {
            bytes = Settle(tokens, turn.Begun.Length, next, rows);
        }

        if (streaming?.Flush() is { Length: > 0 } rest)
        {
            turn.OnPiece!(rest);
        }

        if (isShort && finish == FinishReason.Length)
        {
            turn.OnNotice($"The answer ends where the {Limit} positions of {_model.Name} do; undo turns or clear the chat before you go on.");
        }

        return new LiveAnswer(run.Answer(_model, turn, tokens, finish, times, bytes), run.Ran.Count, stopped);
    }

    // The cache holds the tokens whose step was whole; a step that was stopped on the way is taken back.
    private long Settle(List<int> tokens, int begun, int next, int rows)
    {
        int ran = _session!.LiveRows;
        _session.Rewind(ran);
        int first = Math.Max(begun - 1, 0); // what an answer had before was packed, all but its last token
        _rows!.Add(_model.Decoder, [.. tokens.Skip(first).Take(ran - rows)], next);
        return _session.Request.Cache!.Bytes;
    }

    // How many rows of the cache serve the conversation. The last row of a question runs anew: it gives the next token. Methods decide about the rows of a
    // forward together, so where some of them have gone, the others run anew.
    private int Kept(PackedPrompt packed, LiveTurn turn)
    {
        int kept = BeforeGroup(packed.Layout, Math.Min(_rows!.Common(packed), packed.Layout.Count - (turn.Begun.Length > 0 ? 0 : 1)));
        return _table is null ? kept : _session!.Border(kept);
    }

    // A picture's rows stay together, and so do spans that run with the next.
    private static int BeforeGroup(SequenceLayout layout, int rows)
    {
        int start = 0;
        foreach (Span span in layout.OriginalSpans)
        {
            int end = start + span.Length;
            if (span.WithNext && rows > start && rows <= end)
            {
                rows = start;
            }

            start = end;
        }

        while (rows > 0 && rows < layout.Count && layout.ImageOf(rows) >= 0 && layout.ImageOf(rows) == layout.ImageOf(rows - 1))
        {
            rows--;
        }

        return rows;
    }

    private void Tell(LiveTurn turn, string line)
    {
        if (_told.Add(line))
        {
            turn.OnNotice(line);
        }
    }

    private void Forget(bool alsoPictures)
    {
        _session?.Dispose();
        _request?.Dispose();
        _rows?.Dispose();
        (_session, _request, _rows) = (null, null, null);
        if (alsoPictures)
        {
            _pictures.Dispose();
            _pictures = new LivePictures();
        }
    }
}
