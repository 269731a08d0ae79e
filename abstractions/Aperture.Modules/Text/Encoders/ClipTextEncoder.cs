using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Text;

/// <summary>CLIP's text encoder: token and position embeddings, pre-norm layers under a causal mask, and a last norm. Owns its weights.</summary>
public sealed class ClipTextEncoder : IDisposable
{
    private const double FirstDeviation = 0.02;
    private const string Prefix = "text_model.", Projection = "text_projection.weight";

    private readonly WeightLoader _weights;
    private readonly Tensor _words, _positions;
    private readonly List<Layer> _layers = [];
    private readonly LayerNormWeights _norm;

    private ClipTextEncoder(WeightLoader weights, ClipTextConfig config, bool projects)
    {
        (_weights, Config) = (weights, config);
        int d = config.HiddenSize;
        _words = weights.Tensor(Prefix + "embeddings.token_embedding.weight", config.Vocabulary, d);
        _positions = weights.Tensor(Prefix + "embeddings.position_embedding.weight", config.Positions, d);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string name = $"{Prefix}encoder.layers.{layer}.";
            _layers.Add(new Layer(
                weights.Norm(name + "layer_norm1", d),
                [.. new[] { "q_proj", "k_proj", "v_proj", "out_proj" }.Select(part => weights.Linear($"{name}self_attn.{part}", d, d))],
                weights.Norm(name + "layer_norm2", d),
                weights.Linear(name + "mlp.fc1", config.IntermediateSize, d),
                weights.Linear(name + "mlp.fc2", d, config.IntermediateSize)));
        }

        _norm = weights.Norm(Prefix + "final_layer_norm", d);
        Projects = projects;
    }

    /// <summary>Sizes.</summary>
    public ClipTextConfig Config { get; }

    /// <summary>Whether the checkpoint has a projection behind the pooled row.</summary>
    public bool Projects { get; }

    /// <summary>The weights, by published name. Borrowed.</summary>
    public IReadOnlyDictionary<string, Tensor> Tensors => _weights.Tensors;

    /// <summary>Loads an encoder.</summary>
    /// <param name="source">The checkpoint, names beginning with <c>text_model.</c>; it must outlive the encoder.</param>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="trainable">Whether the weights get memory of their own, so that they can be trained.</param>
    /// <returns>The encoder; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public static ClipTextEncoder Load(IWeightSource source, ClipTextConfig config, WeightPolicy policy, bool trainable = false)
    {
        WeightLoader weights = new(source, policy, trainable ? _ => true : null);
        try
        {
            bool projects = source.Contains(Projection);
            if (projects)
            {
                weights.Tensor(Projection, source.Describe(Projection).Shape[0], config.HiddenSize);
            }

            return new ClipTextEncoder(weights, config, projects);
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Makes an encoder without projection whose weights somebody else makes, for a model that begins.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="fresh">Makes a tensor of a name and shape; the encoder disposes it.</param>
    /// <returns>The encoder; the caller disposes it.</returns>
    public static ClipTextEncoder Fresh(ClipTextConfig config, WeightPolicy policy, Func<string, long[], Tensor> fresh)
    {
        using TensorWeights none = new(new Dictionary<string, Tensor>());
        return new ClipTextEncoder(new WeightLoader(none, policy, fresh: fresh), config, projects: false);
    }

    /// <summary>Makes an encoder without projection as CLIP's begins: small normal numbers, gains 1, biases 0.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="policy">Where it runs and in which type.</param>
    /// <param name="generator">Draws; borrowed.</param>
    /// <returns>The encoder; the caller disposes it.</returns>
    public static ClipTextEncoder Begin(ClipTextConfig config, WeightPolicy policy, Generator generator)
        => Fresh(config, policy, (name, shape) => shape.Length > 1 ? randn(shape, generator: generator).mul_(FirstDeviation)
            : name.EndsWith(".weight", StringComparison.Ordinal) ? ones(shape) : zeros(shape));

    /// <summary>Encodes token ids.</summary>
    /// <param name="ids">int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="mask"><c>[B, N]</c>, 1 for tokens that are seen; borrowed. Null, as Stable Diffusion has it: all are, padding too.</param>
    /// <param name="trace">Gets 0 and the embeddings, then every layer's number from 1 on and its output <c>[B, N, d]</c>, borrowed; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Rows behind the last norm, <c>[B, N, d]</c>; the caller disposes them.</returns>
    /// <exception cref="ApertureException">The text is longer than the position table, or an id is not in the vocabulary.</exception>
    public Tensor Run(Tensor ids, Tensor? mask = null, Action<int, Tensor>? trace = null, CancellationToken cancellationToken = default)
    {
        Check(ids);
        using DisposeScope scope = NewDisposeScope();
        long n = ids.size(1);
        Tensor tokens = ids.to(_words.device);
        Tensor words = _words.index_select(0, tokens.reshape(-1)).view(ids.size(0), n, -1); // [B, N] -> [B, N, d]
        Tensor x = words.add(_positions.narrow(0, 0, n));
        Tensor bias = Bias(mask?.to(x.device) ?? ones([1, n], device: x.device), x.dtype);
        trace?.Invoke(0, x);
        for (int layer = 0; layer < _layers.Count; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using Tensor previous = x;
            x = Through(previous, _layers[layer], bias);
            trace?.Invoke(layer + 1, x);
        }

        return _norm.Run(x, Config.NormEpsilon).MoveToOuterDisposeScope();
    }

    /// <summary>The row that stands for the whole text: that of its end.</summary>
    /// <param name="ids">int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="rows">What <see cref="Run"/> gave; borrowed.</param>
    /// <returns><c>[B, d]</c>; the caller disposes it.</returns>
    public Tensor Pool(Tensor ids, Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor tokens = ids.to(rows.device);
        Tensor at = (Config.EndId is { } end ? tokens.eq(end).to_type(ScalarType.Int32) : tokens).argmax(1); // [B, N] -> [B]
        Tensor places = at.view(-1, 1, 1).expand(-1, 1, rows.size(2));
        return rows.gather(1, places).squeeze(1).MoveToOuterDisposeScope(); // [B, N, d] -> [B, d]
    }

    /// <summary>A pooled row in the space that texts share with pictures, not normalised.</summary>
    /// <param name="pooled"><c>[B, d]</c>; borrowed.</param>
    /// <returns><c>[B, p]</c>; the caller disposes it.</returns>
    /// <exception cref="InvalidOperationException">The checkpoint has no projection.</exception>
    public Tensor Project(Tensor pooled)
        => _weights.Tensors.TryGetValue(Projection, out Tensor? weight)
            ? F.linear(pooled, weight) // [B, d] -> [B, p]
            : throw new InvalidOperationException("The checkpoint has no text_projection.");

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => _weights.Dispose();

    private void Check(Tensor ids)
    {
        if (ids.size(1) > Config.Positions)
        {
            throw new ApertureException($"A text of {ids.size(1)} tokens does not fit: the encoder takes at most {Config.Positions}; truncate it.");
        }

        if (ids.device_type == DeviceType.CPU && ids.numel() > 0
            && (ids.min().item<long>() < 0 || ids.max().item<long>() >= Config.Vocabulary))
        {
            throw new ApertureException(
                $"Token id {ids.max().item<long>()} is not in the encoder's vocabulary of {Config.Vocabulary}; use the tokenizer that belongs to the "
                + "checkpoint.");
        }
    }

    // What is added to logits: the lowest number above the diagonal, and once more where a token is not seen: [B, 1, N, N].
    private static Tensor Bias(Tensor mask, ScalarType type)
    {
        double lowest = type == ScalarType.Float16 ? -65504 : type == ScalarType.BFloat16 ? -3.38e38 : float.MinValue;
        Tensor causal = full([mask.size(1), mask.size(1)], lowest, dtype: type, device: mask.device).triu(1);
        Tensor hidden = mask.eq(0).to_type(type).mul(lowest); // [B, N]
        return causal.unsqueeze(0).add(hidden.unsqueeze(1)).unsqueeze(1);
    }

    private Tensor Through(Tensor x, Layer layer, Tensor bias)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor normed = layer.Norm1.Run(x, Config.NormEpsilon);
        Tensor[] heads = [.. layer.Attention.Take(3).Select(part => Heads(part.Apply(normed)))];

        // In the published order, the query scaled first and nothing fused: Stable Diffusion's users round the result, and what differs in the last bits may
        // round otherwise.
        Tensor logits = heads[0].mul(1 / Math.Sqrt((double)Config.HiddenSize / Config.Heads)).matmul(heads[1].transpose(2, 3)).add(bias); // [B, heads, N, N]
        Tensor attended = logits.softmax(-1).matmul(heads[2]); // -> [B, heads, N, head]
        Tensor merged = attended.transpose(1, 2).reshape(x.shape); // -> [B, N, d]
        Tensor middle = x.add(layer.Attention[3].Apply(merged));
        Tensor hidden = Activations.Run(Config.Activation, layer.Up.Apply(layer.Norm2.Run(middle, Config.NormEpsilon))); // -> [B, N, inner]
        return middle.add(layer.Down.Apply(hidden)).MoveToOuterDisposeScope(); // -> [B, N, d]
    }

    // [B, N, d] -> [B, heads, N, head]
    private Tensor Heads(Tensor rows) => rows.unflatten(2, [Config.Heads, Config.HiddenSize / Config.Heads]).transpose(1, 2);

    private sealed record Layer(LayerNormWeights Norm1, Matrix[] Attention, LayerNormWeights Norm2, Matrix Up, Matrix Down);
}
