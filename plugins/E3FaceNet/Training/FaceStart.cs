using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Model;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Training;

/// <summary>A generator and a discriminator before training, drawn as the official code draws them: equalised layers normal, the others uniform.</summary>
/// <param name="config">Sizes.</param>
/// <param name="random">Draws; borrowed.</param>
/// <param name="density">Factor on the weights of the face's density, which official code does not have: a high one begins with opaque surfaces.</param>
/// <param name="fog">Density everywhere at first, 0 in official code: some keeps a face from vanishing before it is formed.</param>
internal sealed class FaceStart(FaceConfig config, TorchRandom random, double density = 1, double fog = 0)
{
    private const int Colours = 3, End = 4, Smallest = 8;
    private const string Synthesis = "synthesis.";

    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>Draws the generator's tensors by published name; the caller owns them.</summary>
    public Dictionary<string, Tensor> Generator()
    {
        _tensors.Clear();
        for (int layer = 0; layer < config.MappingLayers; layer++)
        {
            Equal($"mapping.fc{layer}", 0, 1 / config.Settings.MappingRate, config.Style, layer == 0 ? config.Noise : config.Style);
        }

        Equal("mapping.embed", 0, 1, config.Noise, config.Text);
        _tensors["mapping.w_avg"] = zeros(config.Style);
        _tensors[Synthesis + "alpha"] = tensor(1f);
        string face = Synthesis + "fg_nerf.", behind = Synthesis + "bg_nerf.";
        Modulated(face + "fc_in", config.FaceWidth, 6 * config.Octaves);
        Repeat(config.FaceLayers - 1, layer => Modulated($"{face}blocks.{layer}", config.FaceWidth, config.FaceWidth));
        Modulated(face + "sigma_out", 1, config.FaceWidth);
        _tensors[face + "sigma_out.weight"].mul_(density);
        _tensors[face + "sigma_out.bias"].fill_(fog);
        Modulated(face + "feat_out", config.Features, config.FaceWidth);
        Equal(face + "to_rgb", 0, 1, Colours, config.Features, 1, 1);
        Uniform(behind + "fc_in", config.BackgroundWidth, (8 * config.Octaves) + config.BackgroundNoise);
        Repeat(config.BackgroundLayers - 1, layer => Uniform($"{behind}blocks.{layer}", config.BackgroundWidth, config.BackgroundWidth));
        Uniform(behind + "sigma_out", 1, config.BackgroundWidth);
        Uniform(behind + "feat_out", config.Features, config.BackgroundWidth);
        Equal(behind + "to_rgb", 0, 1, Colours, config.Features, 1, 1);
        Repeat(config.Resolutions.Count, Block);
        return new Dictionary<string, Tensor>(_tensors, StringComparer.Ordinal);
    }

    /// <summary>Draws a discriminator's tensors for the generator's pictures by published name; the caller owns them.</summary>
    /// <param name="channels">Channels of blocks of a side.</param>
    public Dictionary<string, Tensor> Discriminator(Func<int, int> channels)
    {
        _tensors.Clear();
        _tensors["alpha"] = tensor(1f);
        int last = channels(End);
        Equal("mapping.embed", 0, 1, config.Text, config.Text);
        Repeat(8, layer => Equal($"mapping.fc{layer}", 0, 1 / config.Settings.MappingRate, last, layer == 0 ? config.Text : last));
        for (int side = config.Picture; side >= Smallest; side /= 2)
        {
            Equal($"b{side}.fromrgb", 0, 1, channels(side), Colours, 1, 1);
            Equal($"b{side}.conv0", 0, 1, channels(side), channels(side), 3, 3);
            Equal($"b{side}.conv1", 0, 1, channels(side / 2), channels(side), 3, 3);
        }

        foreach ((string end, int outputs) in new[] { ("b4", 1), ("b4_text", last) })
        {
            Equal(end + ".fromrgb", 0, 1, last, Colours, 1, 1);
            Equal(end + ".conv", 0, 1, last, last + 1, 3, 3);
            Equal(end + ".fc", 0, 1, last, last * End * End);
            Equal(end + ".out", 0, 1, outputs, last);
        }

        return new Dictionary<string, Tensor>(_tensors, StringComparer.Ordinal);
    }

    private static void Repeat(int count, Action<int> draw)
    {
        for (int index = 0; index < count; index++)
        {
            draw(index);
        }
    }

    private void Block(int index)
    {
        int outputs = config.Channels[index], inputs = index == 0 ? config.Features : config.Channels[index - 1], side = config.Resolutions[index] / 2;
        string name = $"{Synthesis}b{config.Resolutions[index]}";
        Modulated(name + ".conv0", outputs, inputs);
        Modulated(name + ".conv1", outputs, outputs);
        Modulated(name + ".torgb", Colours, outputs);
        Equal(name + ".conv0.adapter.0", 0, 1, outputs / 4, outputs, 1, 1);
        Equal(name + ".conv0.adapter.1", 0, 1, 4 * outputs, outputs / 4, 1, 1);
        _tensors[name + ".conv0.w_avg"] = tensor(1f);
        _tensors[name + ".conv1.w_avg"] = tensor(1f);
        _tensors[name + "_attn.norm1.weight"] = ones(inputs, side, side);
        _tensors[name + "_attn.norm1.bias"] = zeros(inputs, side, side);
        Uniform(name + "_attn.attn.to_q", config.AttentionWidth, inputs);
        Uniform(name + "_attn.attn.to_k", config.AttentionWidth, config.Token);
        Uniform(name + "_attn.attn.to_v", config.AttentionWidth, config.Token);
        foreach (string part in new[] { "to_q", "to_k", "to_v" })
        {
            _tensors.Remove($"{name}_attn.attn.{part}.bias", out Tensor? none);
            none?.Dispose();
        }

        Uniform(name + "_attn.attn.to_out.0", inputs, config.AttentionWidth);
        Uniform(name + "_offset.conv", 1, inputs, 1, 1);
        Equal(name + "_offset.mapping", 0, 1, config.Style, side * side);
    }

    private void Modulated(string name, int outputs, int inputs)
    {
        Equal(name, 0, 1, outputs, inputs, 1, 1);
        Equal(name + ".affine", 1, 1, inputs, config.Style);
    }

    private void Equal(string name, double bias, double scale, params long[] shape)
    {
        _tensors[name + ".weight"] = random.Normal(shape).mul_(scale);
        _tensors[name + ".bias"] = full(shape[0], bias, dtype: ScalarType.Float32);
    }

    private void Uniform(string name, params long[] shape)
    {
        double bound = 1 / Math.Sqrt(shape[1..].Aggregate(1L, (product, size) => product * size));
        _tensors[name + ".weight"] = random.Uniform(shape).mul_(2 * bound).sub_(bound);
        _tensors[name + ".bias"] = random.Uniform(shape[0]).mul_(2 * bound).sub_(bound);
    }
}
