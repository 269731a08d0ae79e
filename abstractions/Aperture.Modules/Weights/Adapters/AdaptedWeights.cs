using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// A checkpoint with a LoRA adapter merged in: <c>W + (alpha / r) B A</c>, in float32 and back in the base's element type; tensors that the adapter holds whole
/// take the place of the base's. Borrows its sources.
/// </summary>
internal sealed class AdaptedWeights : IMappedWeights
{
    private readonly IWeightSource _source;
    private readonly Dictionary<string, LowRank> _added = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (IWeightSource Source, string Name)> _replaced = new(StringComparer.Ordinal);

    /// <summary>A checkpoint with an adapter.</summary>
    /// <param name="source">The base; borrowed.</param>
    /// <param name="adapter">What was trained; borrowed.</param>
    /// <param name="config">How it is added.</param>
    /// <param name="where">The adapter's folder, for messages.</param>
    /// <param name="whole">Whether the adapter's tensors that are no low-rank matrices are taken too.</param>
    /// <exception cref="ApertureException">The adapter changes what the base has not, or in a way that is not supported.</exception>
    public AdaptedWeights(IWeightSource source, IWeightSource adapter, LoraConfig config, string where, bool whole = true)
    {
        _source = source;
        Dictionary<string, Dictionary<string, string>> modules = new(StringComparer.Ordinal);
        foreach (string stored in adapter.Names)
        {
            string plain = LoraNames.Plain(stored);
            if (LoraNames.Split(plain) is { } split)
            {
                if (!modules.TryGetValue(split.Module, out Dictionary<string, string>? parts))
                {
                    modules[split.Module] = parts = new(StringComparer.Ordinal);
                }

                parts[split.Part] = stored;
            }
            else if (whole && !plain.Contains(".original_module.", StringComparison.Ordinal))
            {
                Replace(LoraNames.InBase(plain, source) ?? plain, adapter, stored, where);
            }
        }

        foreach ((string module, Dictionary<string, string> parts) in modules)
        {
            Add(module, parts, adapter, config, where);
        }

        Names = [.. source.Names.Union(_replaced.Keys, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>How many of the base's matrices are changed.</summary>
    public int Changed => _added.Count;

    /// <inheritdoc/>
    public bool Contains(string name) => _replaced.ContainsKey(name) || _source.Contains(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
        => _replaced.TryGetValue(name, out (IWeightSource Source, string Name) own) ? own.Source.Describe(own.Name) : _source.Describe(name);

    /// <inheritdoc/>
    public Tensor Load(string name)
    {
        Tensor stored = _replaced.TryGetValue(name, out (IWeightSource Source, string Name) own) ? own.Source.Load(own.Name) : _source.Load(name);
        if (!_added.TryGetValue(name, out LowRank? low))
        {
            return stored;
        }

        using DisposeScope scope = NewDisposeScope();
        using (stored)
        {
            Tensor down = low.Source.Load(low.A).to_type(ScalarType.Float32), up = low.Source.Load(low.B).to_type(ScalarType.Float32);
            Tensor delta = up.matmul(down); // [out, r] [r, in] -> [out, in]
            Tensor merged = stored.to(ScalarType.Float32, copy: true).add_(low.Transposed ? delta.t() : delta, low.Scale);
            return merged.to_type(stored.dtype).MoveToOuterDisposeScope();
        }
    }

    /// <inheritdoc/>
    public void ReleasePages(string name)
    {
        if (_replaced.TryGetValue(name, out (IWeightSource Source, string Name) own))
        {
            own.Source.ReleasePages(own.Name);
        }
        else
        {
            _source.ReleasePages(name);
        }
    }

    /// <inheritdoc/>
    public void ReleasePages() => _source.ReleasePages();

    /// <summary>Nothing to dispose: the sources are the caller's.</summary>
    public void Dispose()
    {
    }

    private void Replace(string name, IWeightSource adapter, string stored, string where)
    {
        if (_source.Contains(name) && !_source.Describe(name).Shape.AsSpan().SequenceEqual(adapter.Describe(stored).Shape))
        {
            throw Unfit(where, stored, adapter.Describe(stored).Shape, name, _source.Describe(name).Shape);
        }

        _replaced[name] = (adapter, stored);
    }

    private void Add(string module, Dictionary<string, string> parts, IWeightSource adapter, LoraConfig config, string where)
    {
        bool isTable = parts.ContainsKey("lora_embedding_A");
        (string a, string b) = isTable ? ("lora_embedding_A", "lora_embedding_B") : ("lora_A", "lora_B");
        if (parts.Keys.FirstOrDefault(part => part != a && part != b) is { } odd)
        {
            throw new ApertureException($"The adapter '{where}' holds {module}.{odd}, which is not supported; merge it into its base with PEFT first.");
        }

        if (!parts.TryGetValue(a, out string? down) || !parts.TryGetValue(b, out string? up))
        {
            throw new ApertureException($"The adapter '{where}' holds one of the two matrices of {module} alone; fetch it again.");
        }

        string name = LoraNames.InBase(module + ".weight", _source)
            ?? throw new ApertureException(
                $"The adapter '{where}' changes {module}, which its base has not; name the base that it was trained on with --adapter.");
        long[] first = adapter.Describe(down).Shape, second = adapter.Describe(up).Shape, shape = Describe(name).Shape;
        bool transposed = isTable != config.Transposed;
        if (first.Length != 2 || second.Length != 2 || first[0] != second[1]
            || !shape.AsSpan().SequenceEqual(transposed ? [first[1], second[0]] : [second[0], first[1]]))
        {
            throw Unfit(where, up, [.. second, .. first], name, shape);
        }

        _added[name] = new LowRank(adapter, down, up, config.Scale(module, first[0]), transposed);
    }

    private static ApertureException Unfit(string where, string stored, long[] shape, string name, long[] own)
        => new($"The adapter '{where}' holds {stored} of shape [{string.Join(", ", shape)}], which does not fit {name} of [{string.Join(", ", own)}]; "
            + "name the base that it was trained on with --adapter.");

    private sealed record LowRank(IWeightSource Source, string A, string B, double Scale, bool Transposed);
}
