using System.Diagnostics;

namespace Aperture.Generation;

/// <summary>Greedy choice or sampling, token by token, for all sequences of a session at once. A sequence that ends leaves the batch.</summary>
internal sealed class TokenLoop
{
    private readonly GenerationSession _session;
    private readonly GenerationOptions _options;
    private readonly GenerationControl _control;
    private readonly LogitsPipeline _pipeline;
    private readonly TokenHistory[] _histories;
    private readonly RandomStream[] _random;
    private readonly FinishReason?[] _finished;
    private readonly List<float[]>[]? _raw;
    private readonly List<float[]>[]? _processed;

    public TokenLoop(GenerationSession session, TokenHistory[] histories, GenerationOptions options, GenerationControl control, ulong seed)
    {
        _session = session;
        _options = options;
        _control = control;
        _pipeline = new LogitsPipeline(options);
        _histories = histories;
        _random = new RandomStream[histories.Length];
        for (int sequence = 0; sequence < _random.Length; sequence++)
        {
            _random[sequence] = new RandomStream(seed, sequence);
        }

        _finished = new FinishReason?[histories.Length];
        if (control.KeepLogits)
        {
            _raw = [.. histories.Select(_ => new List<float[]>())];
            _processed = [.. histories.Select(_ => new List<float[]>())];
        }
    }

    /// <summary>Runs until every sequence has ended.</summary>
    /// <param name="logits">Logits of the first new token; consumed.</param>
    /// <param name="decode">Gets the milliseconds of each forward.</param>
    /// <param name="cancellationToken">Checked between tokens and layers.</param>
    public IReadOnlyList<GeneratedSequence> Run(NextLogits logits, List<double> decode, CancellationToken cancellationToken)
    {
        int[] active = [.. Enumerable.Range(0, _histories.Length)]; // batch slot -> sequence
        int[] tokens = new int[active.Length];
        NextLogits current = logits;
        try
        {
            while (true)
            {
                using (_session.TimeSampling())
                {
                    for (int slot = 0; slot < active.Length; slot++)
                    {
                        tokens[slot] = Choose(active[slot], current.Row(slot));
                    }
                }

                _session.EndPass();
                active = Leave(active, ref tokens);
                if (active.Length == 0)
                {
                    break;
                }

                current.Dispose();
                cancellationToken.ThrowIfCancellationRequested();
                long start = Stopwatch.GetTimestamp();
                current = _session.DecodeStep(tokens, cancellationToken);
                decode.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }
        }
        finally
        {
            current.Dispose();
        }

        GeneratedSequence[] sequences = new GeneratedSequence[_histories.Length];
        for (int i = 0; i < sequences.Length; i++)
        {
            sequences[i] = new GeneratedSequence(_histories[i].New.ToArray(), _finished[i]!.Value)
            {
                Prompt = i,
                Logits = _raw?[i],
                ProcessedLogits = _processed?[i],
            };
        }

        return sequences;
    }

    private int Choose(int sequence, Span<float> logits)
    {
        TokenHistory history = _histories[sequence];
        _raw?[sequence].Add(logits.ToArray());
        _pipeline.Process(logits, history.All, history.NewCount);
        _processed?[sequence].Add(logits.ToArray());
        int token = _options.Temperature > 0 ? TokenSampler.Draw(logits, _random[sequence]) : TokenSampler.Greedy(logits);
        history.Add(token);
        FinishReason? finish = Finish(history, token);
        _finished[sequence] = finish;
        _control.OnToken?.Invoke(new GeneratedToken(sequence, history.NewCount - 1, token, finish));
        return token;
    }

    private FinishReason? Finish(TokenHistory history, int token)
    {
        for (int i = 0; i < _options.EndOfSequence.Count; i++)
        {
            if (_options.EndOfSequence[i] == token)
            {
                return FinishReason.EndOfSequence;
            }
        }

        for (int i = 0; i < _control.Stops.Count; i++)
        {
            if (_control.Stops[i].IsMet(history.New))
            {
                return FinishReason.Stop;
            }
        }

        return history.NewCount >= _options.MaxNewTokens ? FinishReason.Length : null;
    }

    // Sequences that ended leave the batch. Where all end at once the cache stays as it is, so that a chat can go on.
    private int[] Leave(int[] active, ref int[] tokens)
    {
        int left = 0;
        foreach (int sequence in active)
        {
            left += _finished[sequence] is null ? 1 : 0;
        }

        if (left == active.Length)
        {
            return active;
        }

        int[] slots = new int[left], next = new int[left], kept = new int[left];
        int to = 0;
        for (int slot = 0; slot < active.Length; slot++)
        {
            if (_finished[active[slot]] is null)
            {
                slots[to] = slot;
                next[to] = active[slot];
                kept[to++] = tokens[slot];
            }
        }

        if (left > 0)
        {
            _session.Select(slots);
        }

        tokens = kept;
        return next;
    }
}
