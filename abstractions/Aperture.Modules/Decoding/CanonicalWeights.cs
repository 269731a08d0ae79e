using Aperture.Measuring;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>A decoder's tensors under the canonical names, whatever its architecture calls them (<see cref="DecoderKeys"/>). Borrows its source.</summary>
public sealed class CanonicalWeights : IMappedWeights, IWeightView
{
    private static readonly Dictionary<DecoderKeys, Dictionary<string, string[]>> _maps = new()
    {
        [DecoderKeys.Phi] = new(StringComparer.Ordinal)
        {
            ["self_attn.dense"] = ["self_attn.o_proj"],
            ["mlp.fc1"] = ["mlp.up_proj"],
            ["mlp.fc2"] = ["mlp.down_proj"],
            ["final_layernorm"] = ["norm"],
        },
        [DecoderKeys.InternLm2] = new(StringComparer.Ordinal)
        {
            ["tok_embeddings"] = ["embed_tokens"],
            ["attention_norm"] = ["input_layernorm"],
            ["attention.wqkv"] = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"],
            ["attention.wo"] = ["self_attn.o_proj"],
            ["ffn_norm"] = ["post_attention_layernorm"],
            ["feed_forward.w1"] = ["mlp.gate_proj"],
            ["feed_forward.w3"] = ["mlp.up_proj"],
            ["feed_forward.w2"] = ["mlp.down_proj"],
            ["output"] = ["lm_head"],
        },
    };

    private readonly IWeightSource _source;
    private readonly DecoderSpec _spec;
    private readonly Dictionary<string, (string Original, int Part)> _entries = new(StringComparer.Ordinal); // part: which of a packed tensor, -1 for all of it

    private CanonicalWeights(IWeightSource source, string prefix, string head, DecoderSpec spec)
    {
        (_source, _spec) = (source, spec);
        Dictionary<string, string[]> map = _maps[spec.Keys];
        foreach (string original in source.Names)
        {
            (string before, string name, string after) = Split(original, Place(original, prefix, head));
            string[] renamed = map.GetValueOrDefault(name) ?? [name];
            for (int part = 0; part < renamed.Length; part++)
            {
                _entries[before + renamed[part] + after] = (original, renamed.Length == 1 ? -1 : part);
            }
        }
    }

    /// <inheritdoc />
    public IReadOnlyCollection<string> Names => _entries.Keys;

    /// <summary>A checkpoint's decoder under the canonical names; the checkpoint itself where it has them already.</summary>
    /// <param name="source">The checkpoint; borrowed.</param>
    /// <param name="prefix">What stands before the embedding table and <c>layers</c>, such as <c>model.</c>.</param>
    /// <param name="head">The output matrix by its canonical name without <c>.weight</c>, such as <c>lm_head</c>.</param>
    /// <param name="spec">The decoder.</param>
    public static IWeightSource Of(IWeightSource source, string prefix, string head, DecoderSpec spec)
        => spec.Keys == DecoderKeys.Canonical ? source : new CanonicalWeights(source, prefix, head, spec);

    /// <summary>The canonical name of a tensor; one that becomes several keeps its own.</summary>
    /// <param name="original">The checkpoint's name.</param>
    /// <param name="prefix">As in <see cref="Of"/>.</param>
    /// <param name="head">As in <see cref="Of"/>.</param>
    /// <param name="spec">The decoder.</param>
    public static string NameOf(string original, string prefix, string head, DecoderSpec spec)
    {
        if (spec.Keys == DecoderKeys.Canonical)
        {
            return original;
        }

        (string before, string name, string after) = Split(original, Place(original, prefix, head));
        return _maps[spec.Keys].GetValueOrDefault(name) is [string only] ? before + only + after : original;
    }

    /// <inheritdoc />
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <inheritdoc />
    public WeightInfo Describe(string name)
    {
        (string original, int part) = Find(name);
        WeightInfo packed = _source.Describe(original);
        if (part < 0)
        {
            return packed;
        }

        long[] shape = [.. packed.Shape];
        shape[0] = RowsOf(part) * _spec.KeyValueHeads * _spec.HeadSize;
        CheckPacked(original, packed.Shape[0]);
        return packed with { Shape = shape };
    }

    /// <inheritdoc />
    public Tensor Load(string name)
    {
        (string original, int part) = Find(name);
        Tensor packed = _source.Load(original);
        if (part < 0)
        {
            return packed;
        }

        using (packed)
        {
            CheckPacked(original, packed.size(0));
            using DisposeScope scope = NewDisposeScope();
            // [rows, …] -> [kv heads, group + 2, head, …]
            Tensor groups = packed.view([_spec.KeyValueHeads, RowsOf(0) + 2, _spec.HeadSize, .. packed.shape[1..]]);
            Tensor own = groups.narrow(1, part == 0 ? 0 : RowsOf(0) + part - 1, RowsOf(part)).clone();
            _source.ReleasePages(original);
            return own.view([-1, .. packed.shape[1..]]).MoveToOuterDisposeScope(); // [kv heads, heads of the part, head, …] -> [rows of the part, …]
        }
    }

    /// <inheritdoc />
    (IWeightSource Source, string Name)? IWeightView.Behind(string name) => Find(name) is (var original, < 0) ? (_source, original) : null;

    /// <inheritdoc />
    public void ReleasePages(string name) => _source.ReleasePages(Find(name).Original);

    /// <inheritdoc />
    public void ReleasePages()
    {
        foreach ((string original, _) in _entries.Values)
        {
            _source.ReleasePages(original);
        }
    }

    /// <summary>Nothing to dispose: the source is the caller's.</summary>
    public void Dispose()
    {
    }

    // What stands before a name: the prefix, or what stands before the output matrix.
    private static string Place(string original, string prefix, string head)
    {
        string beside = head[..(head.LastIndexOf('.') + 1)];
        return original.StartsWith(prefix, StringComparison.Ordinal) ? prefix : original.StartsWith(beside, StringComparison.Ordinal) ? beside : "";
    }

    // model.layers.3.attention.wo.weight -> (model.layers.3., attention.wo, .weight)
    private static (string Before, string Name, string After) Split(string name, string place)
    {
        const string Layers = "layers.";
        int start = place.Length, end = name.LastIndexOf('.');
        if (name.AsSpan(start).StartsWith(Layers, StringComparison.Ordinal) && name.IndexOf('.', start + Layers.Length) is > 0 and int dot)
        {
            start = dot + 1;
        }

        return end < start ? ("", name, "") : (name[..start], name[start..end], name[end..]);
    }

    // Heads of q, k or v for each key/value head.
    private int RowsOf(int part) => part == 0 ? _spec.Heads / _spec.KeyValueHeads : 1;

    private void CheckPacked(string name, long rows)
    {
        long expected = (long)_spec.HeadSize * (_spec.Heads + (2 * _spec.KeyValueHeads));
        if (rows != expected)
        {
            throw new ApertureException($"{name} has {rows} rows but config.json asks for {expected}; checkpoint and configuration do not belong together.");
        }
    }

    private (string Original, int Part) Find(string name)
        => _entries.TryGetValue(name, out (string, int) entry) ? entry : throw MissingWeight.In("The checkpoint", name, Names);
}
