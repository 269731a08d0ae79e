using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>One request: its prompts, cache, methods' states, shared tensors and trace. Disposing it disposes all of these but the trace.</summary>
public sealed class RequestContext : IRequestContext, IDisposable
{
    private readonly Dictionary<IDecoderMethod, ISequenceState> _states = [];
    private readonly Dictionary<string, Tensor> _shared = [];
    private readonly List<(string Name, Tensor Loss)> _losses = [];
    private SequenceLayout[]? _prompts;
    private int[] _nextPositions = [];

    /// <summary>Begins a request before its pictures are looked at.</summary>
    /// <param name="decoder">Sizes of the decoder.</param>
    /// <param name="samples">Number of sequences.</param>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="trace">Who listens; null for nobody.</param>
    /// <param name="cancellation">Fires when the request is to stop.</param>
    public RequestContext(DecoderInfo decoder, int samples, HookTable? table, IDecoderTrace? trace, CancellationToken cancellation)
    {
        Decoder = decoder;
        Samples = samples;
        Table = table;
        Trace = trace;
        Cancellation = cancellation;
    }

    /// <summary>Begins a request whose sequences enter at once.</summary>
    /// <param name="decoder">Sizes of the decoder.</param>
    /// <param name="prompts">The sequences as they enter the decoder.</param>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="trace">Who listens; null for nobody.</param>
    /// <param name="cache">The cache, owned by the request; null to run without one.</param>
    /// <param name="nextPositions">Per sequence the position id of the token after the prompt; null for the one after the prompt's last.</param>
    public RequestContext(
        DecoderInfo decoder, IReadOnlyList<SequenceLayout> prompts, HookTable? table, IDecoderTrace? trace, KvCache? cache,
        IReadOnlyList<int>? nextPositions = null)
        : this(decoder, prompts.Count, table, trace, CancellationToken.None)
        => Enter(prompts, cache, nextPositions);

    /// <inheritdoc />
    public int Samples { get; private set; }

    /// <inheritdoc />
    public DecoderInfo Decoder { get; }

    /// <inheritdoc />
    public int Step { get; internal set; }

    /// <inheritdoc />
    public IDecoderTrace? Trace { get; }

    /// <inheritdoc />
    public CancellationToken Cancellation { get; internal set; } // a chat's next turn has a token of its own

    /// <summary>The cache; null without one.</summary>
    public KvCache? Cache { get; private set; }

    /// <summary>The pipeline's hooks; null for none.</summary>
    public HookTable? Table { get; }

    /// <summary>Auxiliary losses that methods added, in order.</summary>
    public IReadOnlyList<(string Name, Tensor Loss)> Losses => _losses;

    /// <inheritdoc />
    public SequenceLayout Prompt(int sample)
        => _prompts is { } prompts
            ? prompts[sample]
            : throw new InvalidOperationException("No sequence has entered the decoder yet: the request's pictures are being looked at.");

    /// <summary>The sequences enter the decoder; methods make their states.</summary>
    /// <param name="prompts">The sequences.</param>
    /// <param name="cache">The cache, owned by the request; null to run without one.</param>
    /// <param name="nextPositions">Per sequence the position id of the token after the prompt; null for the one after the prompt's last.</param>
    public void Enter(IReadOnlyList<SequenceLayout> prompts, KvCache? cache, IReadOnlyList<int>? nextPositions = null)
    {
        Cache = cache;
        try
        {
            if (_prompts is not null || prompts.Count != Samples)
            {
                throw new InvalidOperationException(
                    _prompts is null ? $"{prompts.Count} sequences do not fit a request of {Samples}." : "The request's sequences have entered already.");
            }

            _prompts = [.. prompts];
            _nextPositions = [.. nextPositions ?? prompts.Select(prompt => prompt.NextPosition)];
            foreach (IDecoderMethod method in Table?.Methods ?? [])
            {
                if (new HookSite(method.Name, "when the request begins").Call(() => method.Begin(this)) is { } state)
                {
                    _states[method] = state;
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The position id that a sequence's next token gets: never inferred from a cache length.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    public int NextPosition(int sample) => _nextPositions[sample];

    /// <inheritdoc />
    public T State<T>(IDecoderMethod method)
        where T : class, ISequenceState
        => _states.GetValueOrDefault(method) as T
            ?? throw new ArgumentException($"{method.Name} made no {typeof(T).Name} when the request began.", nameof(method));

    /// <inheritdoc />
    public Tensor? Shared(string name) => _shared.GetValueOrDefault(name);

    /// <inheritdoc />
    public void Share(string name, Tensor tensor)
    {
        if (_shared.Remove(name, out Tensor? old))
        {
            old.Dispose();
        }

        _shared[name] = tensor.DetachFromDisposeScope();
    }

    /// <inheritdoc />
    public void AddLoss(string name, Tensor loss) => _losses.Add((name, loss.DetachFromDisposeScope()));

    /// <summary>Re-orders all sequences, as beam search does.</summary>
    /// <param name="indices">For each new sequence the old one it continues.</param>
    public void Select(ReadOnlySpan<int> indices)
    {
        _prompts = Pick(_prompts!, indices);
        Samples = _prompts.Length;
        _nextPositions = Pick(_nextPositions, indices);
        Cache?.Select(indices);
        foreach (ISequenceState state in _states.Values)
        {
            state.Select(indices);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        foreach (IDisposable owned in _states.Values.Cast<IDisposable>().Concat(_shared.Values).Concat(_losses.Select(l => l.Loss)))
        {
            owned.Dispose();
        }

        _states.Clear();
        _shared.Clear();
        _losses.Clear();
        Cache?.Dispose();
    }

    /// <summary>Gives the shared tensors away; the caller disposes them.</summary>
    internal IReadOnlyDictionary<string, Tensor> TakeShared()
    {
        Dictionary<string, Tensor> taken = new(_shared, StringComparer.Ordinal);
        _shared.Clear();
        return taken;
    }

    /// <summary>Gives the cache away; the caller disposes it.</summary>
    internal KvCache TakeCache()
    {
        KvCache taken = Cache ?? throw new InvalidOperationException("The request has no cache.");
        Cache = null;
        return taken;
    }

    internal void Advance(int sample, int rows) => _nextPositions[sample] += rows;

    /// <summary>Says which position id a sequence's next token gets.</summary>
    internal void Place(int sample, int next) => _nextPositions[sample] = next;

    private static T[] Pick<T>(T[] items, ReadOnlySpan<int> indices)
    {
        T[] picked = new T[indices.Length];
        for (int i = 0; i < picked.Length; i++)
        {
            picked[i] = items[indices[i]];
        }

        return picked;
    }
}
