using Aperture.Decoding;
using Aperture.Models;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>
/// What EAS's training starts from where a METER does not have it yet: adapters, the classifier token, a task's head, a token type for a second picture.
/// </summary>
internal static class MeterInitialisation
{
    /// <summary>Hidden width of the adapters in the published code.</summary>
    public const int AdapterWidth = 96;

    /// <summary>Hidden width of the replacements of attention in the published code.</summary>
    public const int ReplacementWidth = 144;

    private const int Groups = 2, Experts = 2;
    private const double Deviation = 0.02;

    /// <summary>Adapters that change nothing yet (B and D are zero), by published name; the caller owns the tensors.</summary>
    /// <param name="config">Sizes.</param>
    /// <param name="adapterWidth">Hidden width of the adapters; even.</param>
    /// <param name="replacementWidth">Hidden width of the replacements; even.</param>
    /// <param name="generator">Draws the weights; borrowed.</param>
    public static Dictionary<string, Tensor> Adapters(MeterConfig config, int adapterWidth, int replacementWidth, Generator generator)
    {
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        foreach (string layer in Enumerable.Range(0, config.Layers).SelectMany(layer => new[] { MeterKeys.TextLayer(layer), MeterKeys.ImageLayer(layer) }))
        {
            foreach (string part in new[] { "attention", "crossattention", "intermediate" })
            {
                Add(tensors, $"{layer}{part}.adapter.", config.Width, adapterWidth, ["conv_C"], generator);
            }

            foreach (string part in new[] { "adapter_self_attn", "adapter_cross_attn" })
            {
                Add(tensors, $"{layer}{part}.", config.Width, replacementWidth, ["conv_A", "conv_C"], generator);
            }
        }

        return tensors;
    }

    /// <summary>The classifier token: the text encoder's embedding of a text that is token 0 alone.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Sizes.</param>
    /// <returns><c>[1, 1, d]</c>; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The text encoder's rows are not as wide as the fused ones.</exception>
    public static Tensor ClassifierToken(IWeightSource source, MeterConfig config)
    {
        if (config.Text.HiddenSize != config.Width)
        {
            throw new ApertureException(
                $"METER: EAS starts its classifier token from the text encoder's embedding, which has {config.Text.HiddenSize} channels here where "
                + $"{config.Width} are needed; use a checkpoint with a base-sized text encoder.");
        }

        using BertEncoder text = new(
            config.Text, BertWeights.Load(source, MeterKeys.Text, config.Text, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), pooler: false));
        using Tensor ids = zeros(1, 1, dtype: ScalarType.Int64);
        using IDisposable quiet = no_grad();
        return text.Embed(ids);
    }

    /// <summary>A task's head, by published name; the caller owns the tensors.</summary>
    /// <param name="name">Such as <c>vqa_classifier</c>.</param>
    /// <param name="inputs">Width of the pooled features.</param>
    /// <param name="inner">Width between the two layers.</param>
    /// <param name="labels">Number of labels.</param>
    /// <param name="generator">Draws the weights; borrowed.</param>
    public static Dictionary<string, Tensor> Head(string name, int inputs, int inner, int labels, Generator generator) => new(StringComparer.Ordinal)
    {
        [name + ".0.weight"] = Normal(generator, inner, inputs),
        [name + ".0.bias"] = zeros(inner),
        [name + ".1.weight"] = ones(inner),
        [name + ".1.bias"] = zeros(inner),
        [name + ".3.weight"] = Normal(generator, labels, inner),
        [name + ".3.bias"] = zeros(labels),
    };

    /// <summary>The token-type table with a row for a second picture, a copy of the first one's.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <returns><c>[3, d]</c>; the caller disposes it.</returns>
    public static Tensor TokenTypesForTwo(IWeightSource source)
    {
        using Tensor stored = source.LoadCopy(MeterKeys.TokenTypes, ScalarType.Float32);
        using Tensor picture = stored.narrow(0, 1, 1);
        return stored.size(0) > 2 ? stored.clone() : cat([stored, picture], 0);
    }

    private static void Add(Dictionary<string, Tensor> tensors, string prefix, int width, int hidden, string[] down, Generator generator)
    {
        foreach (string name in down)
        {
            // Xavier-uniform.
            double bound = Math.Sqrt(6.0 / (width + hidden));
            tensors[$"{prefix}{name}.weight"] = rand([hidden, width, 1], generator: generator).mul_(2 * bound).sub_(bound);
            tensors[$"{prefix}{name}.bias"] = zeros(hidden);
        }

        foreach (string name in new[] { "conv_B", "conv_D" })
        {
            tensors[$"{prefix}{name}.weight"] = zeros(width, hidden / Groups, 1);
            tensors[$"{prefix}{name}.bias"] = zeros(width);
        }

        tensors[prefix + "expert_weights.weight"] = Normal(generator, Experts, width);
        tensors[prefix + "expert_weights.bias"] = zeros(Experts);
    }

    private static Tensor Normal(Generator generator, params long[] shape)
    {
        using Tensor normal = randn(shape, generator: generator);
        return normal.mul(Deviation);
    }
}
