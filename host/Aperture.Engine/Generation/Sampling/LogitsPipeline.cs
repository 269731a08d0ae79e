namespace Aperture.Generation;

/// <summary>The processors that the options ask for, in the library's order: penalties and exclusions first, then temperature, top-k and top-p.</summary>
internal sealed class LogitsPipeline
{
    private readonly ILogitsProcessor[] _processors;

    public LogitsPipeline(GenerationOptions options)
    {
        List<ILogitsProcessor> processors = [];
        if (options.RepetitionPenalty != 1)
        {
            processors.Add(new RepetitionPenalty((float)options.RepetitionPenalty));
        }

        if (options.NoRepeatNgramSize > 0)
        {
            processors.Add(new NoRepeatedNgram(options.NoRepeatNgramSize));
        }

        if (options.MinNewTokens > 0 && options.EndOfSequence.Count > 0)
        {
            processors.Add(new MinimumLength(options.MinNewTokens, [.. options.EndOfSequence]));
        }

        if (options.Temperature > 0)
        {
            if (options.Temperature != 1)
            {
                processors.Add(new TemperatureScale((float)options.Temperature));
            }

            if (options.TopK > 0)
            {
                processors.Add(new TopKFilter(options.TopK));
            }

            if (options.TopP < 1)
            {
                processors.Add(new TopPFilter(options.TopP));
            }
        }

        _processors = [.. processors];
    }

    /// <summary>Whether logits stay as they are.</summary>
    public bool IsEmpty => _processors.Length == 0;

    /// <summary>Runs all processors.</summary>
    /// <inheritdoc cref="ILogitsProcessor.Process"/>
    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        foreach (ILogitsProcessor processor in _processors)
        {
            processor.Process(logits, ids, generated);
        }
    }
}
