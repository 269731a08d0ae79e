using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>One request: its prompts, cache, methods' states, shared tensors and trace. Disposing it disposes all of these but the trace.</summary>
public sealed class RequestContext : IRequestContext, IDisposable
{
    private readonly Dictionary<IDecoderMethod, ISequenceState> _states = [];
    private readonly Dictionary<string, Tensor> _shared = [];
    private readonly List<(string Name, Tensor Loss)> _losses = [];
    private SequenceLayout[] _prompts;
    private int[] _nextPositions;

    /// <summary>Begins a request.</summary>
    /// <param name="decoder">Sizes of the decoder.</param>
    /// <param name="prompts">The sequences as they enter the decoder.</param>
    /// <param name="table">The pipeline's hooks; null for none.</param>
    /// <param name="trace">Who listens; null for nobody.</param>
    /// <param name="cache">The cache, owned by the request; null to run without one.</param>
    /// <param name="nextPositions">Per sequence the position id of the token after the prompt; null for the one after the prompt's last.</param>
    public RequestContext(DecoderInfo decoder, IReadOnlyList<SequenceLayout> prompts, HookTable? table, IDecoderTrace? trace, KvCache? cache, IReadOnlyList<int>? nextPositions = null)
    {
        Decoder = decoder;
        _prompts = [.. prompts];
        _nextPositions = [.. nextPositions ?? prompts.Select(p => p.Count == 0 ? 0 : p.Positions[^1] + 1)];
        Table = table;
        Trace = trace;
        Cache = cache;
        try
        {
            foreach (IDecoderMethod method in table?.Methods ?? [])
            {
                if (method.Begin(this) is { } state)
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

    /// <inheritdoc />
    public int Samples => _prompts.Length;

    /// <inheritdoc />
    public DecoderInfo Decoder { get; }

    /// <inheritdoc />
    public int Step { get; internal set; }

    /// <inheritdoc />
    public IDecoderTrace? Trace { get; }

    /// <summary>The cache; null without one.</summary>
    public KvCache? Cache { get; }

    /// <summary>The pipeline's hooks; null for none.</summary>
    public HookTable? Table { get; }

    /// <summary>Auxiliary losses that methods added, in order.</summary>
    public IReadOnlyList<(string Name, Tensor Loss)> Losses => _losses;

    /// <inheritdoc />
    public SequenceLayout Prompt(int sample) => _prompts[sample];

    /// <summary>The position id that a sequence's next token gets: never inferred from a cache length.</summary>
    /// <param name="sample">Index of the sample in the batch.</param>
    public int NextPosition(int sample) => _nextPositions[sample];

    /// <inheritdoc />
    public T State<T>(IDecoderMethod method)
        where T : class, ISequenceState
        => _states.GetValueOrDefault(method) as T ?? throw new ArgumentException($"{method.Name} made no {typeof(T).Name} when the request began.", nameof(method));

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
        _prompts = Pick(_prompts, indices);
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

    internal void Advance(int sample, int rows) => _nextPositions[sample] += rows;

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
