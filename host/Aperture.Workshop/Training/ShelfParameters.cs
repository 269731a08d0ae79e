using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using TorchSharp;
using static Aperture.Workshop.ShelfArchitecture;
using static TorchSharp.torch;

namespace Aperture.Workshop;

/// <summary>The float32 parameters of the small model under their published names. Owns them.</summary>
internal sealed class ShelfParameters : IDisposable
{
    // Embeddings stand this much above unit length, so that what layers add at first is small beside them.
    public const double EmbeddingLength = 8;

    private readonly SortedDictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);
    private readonly Generator _generator;

    private readonly VisionTransformerConfig _tower;

    public ShelfParameters(int vocabulary, long seed, VisionTransformerConfig? tower = null)
    {
        _tower = tower ?? ShelfSet.Items.Tower();
        _generator = new Generator((ulong)seed);
        Vocabulary = vocabulary;
        AddTower();
        AddProjector();
        AddDecoder(ShelfArchitecture.Decoder(vocabulary));
    }

    public int Vocabulary { get; }

    public IReadOnlyDictionary<string, Tensor> Tensors => _tensors;

    public Tensor Embeddings => _tensors[DecoderPrefix + "embed_tokens.weight"];

    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }

        _generator.Dispose();
    }

    private void AddTower()
    {
        VisionTransformerConfig config = _tower;
        int c = config.HiddenSize, m = config.IntermediateSize;
        Add(TowerPrefix + "embeddings.class_embedding", 0.02, c);
        int patch = config.PatchSize;
        Add(TowerPrefix + "embeddings.patch_embedding.weight", 1 / Math.Sqrt(3 * 3 * patch * patch), c, 3, patch, patch);
        Add(TowerPrefix + "embeddings.position_embedding.weight", 0.1, (config.Grid * config.Grid) + 1, c);
        AddNorm(TowerPrefix + "pre_layrnorm", c);
        AddNorm(TowerPrefix + "post_layernorm", c);
        for (int block = 0; block < config.Layers; block++)
        {
            string name = $"{TowerPrefix}encoder.layers.{block}.";
            AddNorm(name + "layer_norm1", c);
            AddNorm(name + "layer_norm2", c);
            foreach (string matrix in (string[])["q_proj", "k_proj", "v_proj"])
            {
                AddLinear($"{name}self_attn.{matrix}", 1, c, c);
            }

            AddLinear(name + "self_attn.out_proj", 0.3, c, c);
            AddLinear(name + "mlp.fc1", 1, m, c);
            AddLinear(name + "mlp.fc2", 0.3, c, m);
        }
    }

    private void AddProjector()
    {
        int c = _tower.HiddenSize, d = ShelfArchitecture.Decoder(Vocabulary).HiddenSize;
        AddLinear(Names.Projector[0], 0.6, d, c);
        AddLinear(Names.Projector[1], 0.6 * EmbeddingLength, d, d);
    }

    private void AddDecoder(DecoderSpec config)
    {
        int d = config.HiddenSize, m = config.IntermediateSize, q = config.Heads * config.HeadSize, kv = config.KeyValueHeads * config.HeadSize;
        double residual = 0.5 / Math.Sqrt(2 * config.Layers);
        Add(DecoderPrefix + "embed_tokens.weight", EmbeddingLength / Math.Sqrt(d), Vocabulary, d);
        for (int layer = 0; layer < config.Layers; layer++)
        {
            string name = $"{DecoderPrefix}layers.{layer}.";
            AddOnes(name + "input_layernorm.weight", d);
            AddOnes(name + "post_attention_layernorm.weight", d);
            AddMatrix(name + "self_attn.q_proj.weight", 1, q, d);
            // Keys begin as the queries, so that every head begins by looking for rows like its own: words find their likes from the first step on.
            Set(name + "self_attn.k_proj.weight", First(_tensors[name + "self_attn.q_proj.weight"], kv));
            AddMatrix(name + "self_attn.v_proj.weight", 1, kv, d);
            AddMatrix(name + "self_attn.o_proj.weight", residual, d, q);
            AddMatrix(name + "mlp.gate_proj.weight", 1, m, d);
            AddMatrix(name + "mlp.up_proj.weight", 1, m, d);
            AddMatrix(name + "mlp.down_proj.weight", residual, d, m);
        }

        AddOnes(DecoderPrefix + "norm.weight", d);
        // The output matrix begins as the embeddings, at unit length.
        using Tensor embeddings = Embeddings.detach();
        Set(Head + ".weight", embeddings.div(EmbeddingLength));
    }

    private static Tensor First(Tensor matrix, int rows)
    {
        using Tensor detached = matrix.detach();
        using Tensor first = detached.narrow(0, 0, rows);
        return first.clone();
    }

    private void AddNorm(string name, int width)
    {
        AddOnes(name + ".weight", width);
        Set(name + ".bias", zeros(width));
    }

    private void AddLinear(string name, double gain, int outputs, int inputs)
    {
        AddMatrix(name + ".weight", gain, outputs, inputs);
        Set(name + ".bias", zeros(outputs));
    }

    private void AddMatrix(string name, double gain, int outputs, int inputs) => Add(name, gain / Math.Sqrt(inputs), outputs, inputs);

    private void AddOnes(string name, int width) => Set(name, ones(width));

    private void Add(string name, double deviation, params long[] shape)
    {
        using Tensor normal = randn(shape, generator: _generator);
        Set(name, normal.mul(deviation));
    }

    private void Set(string name, Tensor value)
    {
        value.requires_grad = true;
        _tensors.Add(name, value);
    }
}
