using System.Diagnostics;

namespace Aperture.Generation;

/// <summary>
/// Beam search as transformers 4.37.2 does it, which the official repositories pin. Processors see log-probabilities; an end-of-sequence candidate counts only
/// among the first n ranks; a hypothesis shorter than allowed ends with the first of the end-of-sequence ids, whichever it was; a prompt that is done adds no
/// open beams. Each prompt's beams leave the batch when it is done.
/// </summary>
internal sealed class BeamSearch
{
    private const float Impossible = -1e9f;
    private readonly GenerationSession _session;
    private readonly GenerationOptions _options;
    private readonly GenerationControl _control;
    private readonly LogitsPipeline _pipeline;
    private readonly BeamCandidates _candidates;
    private readonly float[] _scores;
    private readonly int _beams;
    private readonly Group[] _groups;

    public BeamSearch(GenerationSession session, TokenHistory[] histories, GenerationOptions options, GenerationControl control, int vocabulary)
    {
        _session = session;
        _options = options;
        _control = control;
        _pipeline = new LogitsPipeline(options);
        _beams = options.Beams;
        _candidates = new BeamCandidates((int)Math.Min((long)Math.Max(2, 1 + options.EndOfSequence.Count) * _beams, (long)_beams * vocabulary));
        _scores = new float[vocabulary];
        _groups = [.. histories.Select((history, prompt) => new Group(prompt, history, options))];
    }

    /// <summary>Runs until every prompt is done.</summary>
    /// <param name="logits">Logits of each prompt's first new token; consumed.</param>
    /// <param name="decode">Gets the milliseconds of each forward.</param>
    /// <param name="cancellationToken">Checked between tokens and layers.</param>
    public IReadOnlyList<GeneratedSequence> Run(NextLogits logits, List<double> decode, CancellationToken cancellationToken)
    {
        List<Group> active = [.. _groups];
        NextLogits current = logits;
        try
        {
            // The prompt ran once; its beams begin as copies of it.
            int rowsPerGroup = 1;
            while (true)
            {
                List<int> sources = [], tokens = [];
                for (int i = 0; i < active.Count; i++)
                {
                    Group group = active[i];
                    using (_session.TimeSampling())
                    {
                        Step(group, current, i * rowsPerGroup, rowsPerGroup);
                    }

                    if (!group.IsOver)
                    {
                        for (int beam = 0; beam < _beams; beam++)
                        {
                            sources.Add((i * rowsPerGroup) + (rowsPerGroup == 1 ? 0 : group.Sources[beam]));
                            tokens.Add(group.Tokens[beam]);
                        }
                    }
                }

                _session.EndPass();
                active.RemoveAll(group => group.IsOver);
                if (active.Count == 0)
                {
                    break;
                }

                current.Dispose();
                cancellationToken.ThrowIfCancellationRequested();
                _session.Select([.. sources]);
                long start = Stopwatch.GetTimestamp();
                current = _session.DecodeStep([.. tokens], cancellationToken);
                decode.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
                rowsPerGroup = _beams;
            }
        }
        finally
        {
            current.Dispose();
        }

        return [.. _groups.SelectMany(Returned)];
    }

    private void Step(Group group, NextLogits logits, int firstRow, int rows)
    {
        _candidates.Clear();
        for (int beam = 0; beam < _beams; beam++)
        {
            LogProbabilities(logits.Row(firstRow + Math.Min(beam, rows - 1)), _scores);
            _pipeline.Process(_scores, group.Histories[beam].All, group.Histories[beam].NewCount);
            _candidates.Add(beam, _scores, group.Sums[beam]);
        }

        (float Score, long Place)[] ranked = _candidates.Ranked();
        int length = group.Histories[0].NewCount + 1;
        int filled = 0;
        for (int rank = 0; rank < ranked.Length && filled < _beams; rank++)
        {
            int beam = (int)(ranked[rank].Place / _scores.Length), token = (int)(ranked[rank].Place % _scores.Length);
            if (!_options.EndOfSequence.Contains(token))
            {
                group.Take(filled++, beam, token, ranked[rank].Score);
            }
            else if (rank < _beams)
            {
                group.Finished.Add(group.Histories[beam].New, ranked[rank].Score, length, FinishReason.EndOfSequence);
            }
        }

        if (filled < _beams)
        {
            throw new ApertureException($"A vocabulary of {_scores.Length} tokens leaves no {_beams} continuations; use fewer Beams.");
        }

        bool done = group.Finished.IsDone(ranked[0].Score, length);
        group.Advance();
        if (done)
        {
            group.IsOver = true;
        }
        else if (length >= _options.MaxNewTokens)
        {
            group.Close(FinishReason.Length);
        }
        else if (Array.TrueForAll(group.Histories, IsStopped))
        {
            group.Close(FinishReason.Stop);
        }
    }

    private bool IsStopped(TokenHistory history)
    {
        for (int i = 0; i < _control.Stops.Count; i++)
        {
            if (_control.Stops[i].IsMet(history.New))
            {
                return true;
            }
        }

        return false;
    }

    private IEnumerable<GeneratedSequence> Returned(Group group)
    {
        bool first = true;
        foreach ((float score, int[] hypothesis, FinishReason finish) in group.Finished.Best(_options.ReturnedSequences))
        {
            bool ends = hypothesis.Length < _options.MaxNewTokens && _options.EndOfSequence.Count > 0;
            int[] tokens = ends ? [.. hypothesis, _options.EndOfSequence[0]] : hypothesis;
            for (int i = 0; first && i < tokens.Length; i++)
            {
                _control.OnToken?.Invoke(new GeneratedToken(group.Prompt, i, tokens[i], i == tokens.Length - 1 ? finish : null));
            }

            first = false;
            yield return new GeneratedSequence(tokens, finish) { Prompt = group.Prompt, Score = score };
        }
    }

    private static void LogProbabilities(ReadOnlySpan<float> logits, Span<float> scores)
    {
        float largest = logits[TokenSampler.Greedy(logits)];
        double total = 0;
        foreach (float logit in logits)
        {
            total += Math.Exp(logit - largest);
        }

        float shift = (float)Math.Log(total);
        for (int i = 0; i < logits.Length; i++)
        {
            scores[i] = logits[i] - largest - shift;
        }
    }

    // One prompt's beams.
    private sealed class Group
    {
        private readonly float[] _nextSums;

        public Group(int prompt, TokenHistory history, GenerationOptions options)
        {
            Prompt = prompt;
            Finished = new BeamHypotheses(options);
            Histories = [.. Enumerable.Range(0, options.Beams).Select(_ => history.Clone())];
            Sums = new float[options.Beams];
            Array.Fill(Sums, Impossible, 1, options.Beams - 1);
            _nextSums = new float[options.Beams];
            Sources = new int[options.Beams];
            Tokens = new int[options.Beams];
        }

        public int Prompt { get; }

        public BeamHypotheses Finished { get; }

        public TokenHistory[] Histories { get; private set; }

        public float[] Sums { get; }

        public int[] Sources { get; }

        public int[] Tokens { get; }

        public bool IsOver { get; set; }

        public void Take(int beam, int source, int token, float sum)
        {
            Sources[beam] = source;
            Tokens[beam] = token;
            _nextSums[beam] = sum;
        }

        public void Advance()
        {
            _nextSums.CopyTo(Sums, 0);
            TokenHistory[] next = new TokenHistory[Histories.Length];
            for (int beam = 0; beam < next.Length; beam++)
            {
                next[beam] = Histories[Sources[beam]].Clone();
                next[beam].Add(Tokens[beam]);
            }

            Histories = next;
        }

        /// <summary>Open beams become hypotheses.</summary>
        public void Close(FinishReason finish)
        {
            for (int beam = 0; beam < Histories.Length; beam++)
            {
                Finished.Add(Histories[beam].New, Sums[beam], Histories[beam].NewCount, finish);
            }

            IsOver = true;
        }
    }
}
