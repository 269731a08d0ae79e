using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// An adapter file before training, as the official code begins one: adapters that change nothing (A and C Xavier-uniform, B and D zero), a Xavier-uniform
/// projection, modality embeddings and routers by PyTorch's defaults. Owns its tensors.
/// </summary>
internal sealed class LavinFreshAdapters : IWeightSource
{
    private const int AdapterWidth = 8, PropagationWidth = 32, ProjectionWidth = 128, Groups = 2, Experts = 2;
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>Draws an adapter file.</summary>
    /// <param name="decoder">Sizes of LLaMA.</param>
    /// <param name="tower">Sizes of CLIP.</param>
    /// <param name="seed">Seed; 0 in the official scripts.</param>
    public LavinFreshAdapters(DecoderSpec decoder, VisionTransformerConfig tower, long seed = 0)
    {
        using Generator generator = new((ulong)seed, CPU);
        int d = decoder.HiddenSize;
        Add("adapter_proj.conv_A", Xavier(generator, ProjectionWidth, tower.HiddenSize), zeros(ProjectionWidth));
        Add("adapter_proj.conv_B", Xavier(generator, d, ProjectionWidth), zeros(d));
        Keep("adapter_modality_embedding.weight", randn([Experts, d], generator: generator));
        for (int layer = 0; layer < decoder.Layers; layer++)
        {
            Adapter($"layers.{layer}.adapter_attn.", d, AdapterWidth, ["conv_A"], generator);
            Adapter($"layers.{layer}.replaced_adapter.", d, PropagationWidth, ["conv_A", "conv_C"], generator);
        }

        for (int block = 0; block < tower.Layers; block++)
        {
            Adapter($"backbone.visual.transformer.resblocks.{block}.adapter_attn.", tower.HiddenSize, AdapterWidth, ["conv_A"], generator);
        }
    }

    /// <inheritdoc />
    public IReadOnlyCollection<string> Names => _tensors.Keys;

    /// <inheritdoc />
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <inheritdoc />
    public WeightInfo Describe(string name) => new("F32", ScalarType.Float32, Find(name).shape);

    /// <inheritdoc />
    public Tensor Load(string name) => Find(name).alias();

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        foreach (Tensor tensor in _tensors.Values)
        {
            tensor.Dispose();
        }
    }

    private void Adapter(string prefix, int width, int hidden, string[] down, Generator generator)
    {
        foreach (string name in down)
        {
            Add(prefix + name, Xavier(generator, hidden, width, 1), zeros(hidden));
        }

        foreach (string name in new[] { "conv_B", "conv_D" })
        {
            Add(prefix + name, zeros(width, hidden / Groups, 1), zeros(width));
        }

        double bound = 1 / Math.Sqrt(width);
        Add(prefix + "expert_weights", Uniform(generator, bound, Experts, width), Uniform(generator, bound, Experts));
    }

    private static Tensor Xavier(Generator generator, params long[] shape) => Uniform(generator, Math.Sqrt(6.0 / (shape[0] + shape[1])), shape);

    private static Tensor Uniform(Generator generator, double bound, params long[] shape) => rand(shape, generator: generator).mul_(2 * bound).sub_(bound);

    private void Add(string name, Tensor weight, Tensor bias)
    {
        Keep(name + ".weight", weight);
        Keep(name + ".bias", bias);
    }

    private void Keep(string name, Tensor tensor) => _tensors[name] = tensor.DetachFromDisposeScope();

    private Tensor Find(string name)
        => _tensors.TryGetValue(name, out Tensor? tensor)
            ? tensor
            : throw new ApertureException($"Fresh LaVIN adapters have no tensor '{name}'; check that the model is a LaVIN.");
}
