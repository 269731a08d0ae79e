using Aperture.Plugins.DtNet.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Training;

/// <summary>
/// A DTNet before training, drawn as the official code draws it: every parameter of two or more dimensions Xavier-uniform, the position table among them,
/// which the official code overwrites so and then freezes; biases as linear layers have them, of attention zero.
/// </summary>
/// <param name="config">Sizes.</param>
/// <param name="generator">Draws; borrowed.</param>
internal sealed class CaptionStart(CaptionConfig config, Generator generator)
{
    private readonly Dictionary<string, Tensor> _tensors = new(StringComparer.Ordinal);

    /// <summary>Draws all tensors.</summary>
    /// <param name="sinusoid">Whether the position table is the sinusoid that was meant instead of the one that is drawn.</param>
    /// <returns>The tensors by published name; the caller owns them.</returns>
    public Dictionary<string, Tensor> Draw(bool sinusoid = false)
    {
        using IDisposable quiet = no_grad();
        int d = config.Width;
        Linear("encoder.fc", d, config.Features);
        Norm("encoder.layer_norm");
        for (int head = 0; head < config.Heads; head++)
        {
            Linear($"encoder.WGs.{head}", 1, GridGeometry.Channels);
        }

        for (int layer = 0; layer < config.EncoderLayers; layer++)
        {
            DrawEncoderLayer($"encoder.layers.{layer}.");
        }

        Matrix("decoder.word_emb.weight", config.Vocabulary, d);
        Matrix("decoder.fc.weight", config.Vocabulary, d);
        Matrix("decoder.pos_emb.weight", config.Positions, d);
        for (int layer = 0; layer < config.DecoderLayers; layer++)
        {
            string name = $"decoder.layers.{layer}.";
            Attention(name + "self_att.");
            Attention(name + "enc_att.");
            Norm(name + "lnorm1");
            Norm(name + "lnorm2");
            FeedForward(name + "pwff.");
        }

        if (sinusoid)
        {
            using Tensor drawn = _tensors["decoder.pos_emb.weight"];
            _tensors["decoder.pos_emb.weight"] = Sinusoid();
        }

        return _tensors;
    }

    private void DrawEncoderLayer(string name)
    {
        int d = config.Width, grid = config.Grid;
        Attention(name + "mhatt.");
        FeedForward(name + "pwff.");
        foreach (string norm in new[] { "lnorm", "lnorm2", "lnorm3", "spatialmultibranch.lnorm2", "spatialmultibranch.lnorm4", "channelmultibranch.lnorm3" })
        {
            Norm(name + norm);
        }

        Linear(name + "spatialmultibranch.smlp.proj_h", grid, grid);
        Linear(name + "spatialmultibranch.smlp.proj_w", grid, grid);
        Linear(name + "spatialmultibranch.smlp.fuse", d, 3 * d);
        Matrix(name + "channelmultibranch.se.se.fc.0.weight", config.Squeezed, d);
        Matrix(name + "channelmultibranch.se.se.fc.2.weight", d, config.Squeezed);
        foreach (string suffix in new[] { "", "_2" })
        {
            string block = name + "spatialmultibranch.lp.repblock.";
            Matrix($"{block}brb_3x3{suffix}.conv1.weight", 1, 1, 1, 1);
            Matrix($"{block}brb_3x3{suffix}.conv2.weight", 1, 1, 3, 3);
            Matrix($"{block}brb_1x1{suffix}.conv.weight", 1, 1, 1, 1);
            foreach (string norm in new[] { $"brb_3x3{suffix}.bn1", $"brb_3x3{suffix}.bn2", $"brb_1x1{suffix}.bn", $"brb_identity{suffix}" })
            {
                BatchNorm(block + norm);
            }
        }

        foreach ((string router, int paths) in new[] { ("spatialrouter", 3), ("channelrouter", 2) })
        {
            Linear($"{name}{router}.spatial_router.0", config.RouterRows, config.Cells);
            Linear($"{name}{router}.spatial_router.2", paths, config.RouterRows);
            Linear($"{name}{router}.channel_router.0", config.RouterChannels, d);
            Linear($"{name}{router}.channel_router.2", paths, config.RouterChannels);
            Linear($"{name}{router}.finnal_router.0", paths, 2 * paths);
            Linear($"{name}{router}.finnal_router.2", paths, paths);
        }
    }

    private void Attention(string name)
    {
        int keys = config.Heads * config.KeySize, values = config.Heads * config.ValueSize;
        foreach ((string part, int outputs, int inputs) in new[]
        {
            ("fc_q", keys, config.Width), ("fc_k", keys, config.Width), ("fc_v", values, config.Width), ("fc_o", config.Width, values),
        })
        {
            Matrix($"{name}attention.{part}.weight", outputs, inputs);
            _tensors[$"{name}attention.{part}.bias"] = Kept(zeros(outputs));
        }

        Norm(name + "layer_norm");
    }

    private void FeedForward(string name)
    {
        Linear(name + "fc1", config.Inner, config.Width);
        Linear(name + "fc2", config.Width, config.Inner);
        Norm(name + "layer_norm");
    }

    private void Linear(string name, int outputs, int inputs)
    {
        Matrix(name + ".weight", outputs, inputs);
        _tensors[name + ".bias"] = Uniform(1 / Math.Sqrt(inputs), outputs);
    }

    private void Norm(string name)
    {
        _tensors[name + ".weight"] = Kept(ones(config.Width));
        _tensors[name + ".bias"] = Kept(zeros(config.Width));
    }

    private void BatchNorm(string name)
    {
        _tensors[name + ".weight"] = Kept(ones(1));
        _tensors[name + ".bias"] = Kept(zeros(1));
        _tensors[name + ".running_mean"] = Kept(zeros(1));
        _tensors[name + ".running_var"] = Kept(ones(1));
        _tensors[name + ".num_batches_tracked"] = Kept(zeros([], dtype: ScalarType.Int64));
    }

    // Xavier-uniform: a convolution's window counts on both sides.
    private void Matrix(string name, params long[] shape)
    {
        long window = shape.Skip(2).Aggregate(1L, (product, size) => product * size);
        _tensors[name] = Uniform(Math.Sqrt(6.0 / ((shape[0] + shape[1]) * window)), shape);
    }

    private Tensor Uniform(double bound, params long[] shape) => Kept(rand(shape, generator: generator).mul_(2 * bound).sub_(bound));

    private Tensor Sinusoid()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor rates = full(config.Width / 2, 10000.0, dtype: ScalarType.Float32).pow(arange(config.Width / 2, ScalarType.Float32).mul(-2.0 / config.Width));
        Tensor angles = arange(config.Positions, ScalarType.Float32).unsqueeze(1).mul(rates); // [positions, d / 2]
        Tensor table = stack([angles.sin(), angles.cos()], -1).flatten(1);
        table[0].zero_();
        return Kept(table);
    }

    private static Tensor Kept(Tensor tensor) => tensor.DetachFromDisposeScope();
}
