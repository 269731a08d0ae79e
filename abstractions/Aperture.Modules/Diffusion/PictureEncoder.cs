using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Diffusion;

/// <summary>The half of an autoencoder that makes a picture small: mean and log variance of its latent. Borrows its tensors.</summary>
internal sealed class PictureEncoder
{
    private readonly Convolution _first, _last;
    private readonly List<(ResidualBlock[] Blocks, Convolution? Sampler)> _levels = [];
    private readonly AutoencoderMiddle _middle;
    private readonly GroupNorm _norm;

    public PictureEncoder(DiffusionLoader loader, AutoencoderConfig config, double epsilon)
    {
        _first = loader.Convolution("encoder.conv_in", config.Channels[0], config.Inputs);
        for (int level = 0; level < config.Channels.Count; level++)
        {
            string name = $"encoder.down_blocks.{level}";
            int from = config.Channels[Math.Max(level - 1, 0)], width = config.Channels[level];
            ResidualBlock[] blocks =
            [
                .. Enumerable.Range(0, config.BlocksPerLevel).Select(
                    i => new ResidualBlock(loader, $"{name}.resnets.{i}", i == 0 ? from : width, width, config.Groups, epsilon, timeWidth: 0)),
            ];
            bool last = level == config.Channels.Count - 1;
            _levels.Add((blocks, last ? null : loader.Convolution($"{name}.downsamplers.0.conv", width, width, stride: 2, padding: 0)));
        }

        _middle = new AutoencoderMiddle(loader, "encoder.mid_block", config.Channels[^1], config.Groups, epsilon);
        _norm = loader.GroupNorm("encoder.conv_norm_out", config.Channels[^1], config.Groups, epsilon);
        _last = loader.Convolution("encoder.conv_out", 2 * config.LatentChannels, config.Channels[^1]);
    }

    /// <summary>Encodes <c>[N, inputs, H, W] -> [N, 2 latent, h, w]</c>; the caller disposes the result, and what is made on the way with its scope.</summary>
    public Tensor Run(Tensor picture, Action<string, Tensor>? trace, CancellationToken cancellationToken)
    {
        Tensor x = _first.Run(picture);
        for (int level = 0; level < _levels.Count; level++)
        {
            foreach (ResidualBlock block in _levels[level].Blocks)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using Tensor previous = x;
                x = block.Run(previous);
            }

            if (_levels[level].Sampler is { } sampler)
            {
                using Tensor previous = x;
                using Tensor padded = F.pad(previous, [0, 1, 0, 1]); // one column and one row of zeros behind
                x = sampler.Run(padded); // [N, C, H, W] -> [N, C, H / 2, W / 2]
            }

            trace?.Invoke($"encoder.down_blocks.{level}", x);
        }

        using Tensor small = x;
        using Tensor middle = _middle.Run(small);
        trace?.Invoke("encoder.mid_block", middle);
        using Tensor normed = _norm.Run(middle);
        trace?.Invoke("encoder.conv_norm_out", normed);
        return _last.Run(normed.silu_());
    }
}
