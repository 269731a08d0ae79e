using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>The half of an autoencoder that makes a picture of a latent. Borrows its tensors.</summary>
internal sealed class PictureDecoder
{
    private readonly Convolution _first, _last;
    private readonly AutoencoderMiddle _middle;
    private readonly List<(ResidualBlock[] Blocks, Convolution? Sampler)> _levels = [];
    private readonly GroupNorm _norm;

    public PictureDecoder(DiffusionLoader loader, AutoencoderConfig config, double epsilon)
    {
        int from = config.Channels[^1];
        _first = loader.Convolution("decoder.conv_in", from, config.LatentChannels);
        _middle = new AutoencoderMiddle(loader, "decoder.mid_block", from, config.Groups, epsilon);
        for (int step = 0; step < config.Channels.Count; step++)
        {
            string name = $"decoder.up_blocks.{step}";
            int width = config.Channels[^(step + 1)], before = from;
            ResidualBlock[] blocks =
            [
                .. Enumerable.Range(0, config.BlocksPerLevel + 1).Select(
                    i => new ResidualBlock(loader, $"{name}.resnets.{i}", i == 0 ? before : width, width, config.Groups, epsilon, timeWidth: 0)),
            ];
            bool last = step == config.Channels.Count - 1;
            _levels.Add((blocks, last ? null : loader.Convolution($"{name}.upsamplers.0.conv", width, width)));
            from = width;
        }

        _norm = loader.GroupNorm("decoder.conv_norm_out", from, config.Groups, epsilon);
        _last = loader.Convolution("decoder.conv_out", config.Outputs, from);
    }

    /// <summary>Decodes <c>[N, latent, h, w] -> [N, outputs, H, W]</c>; the caller disposes the result, and what is made on the way with its scope.</summary>
    public Tensor Run(Tensor latent, Action<string, Tensor>? trace, CancellationToken cancellationToken)
    {
        using Tensor first = _first.Run(latent);
        trace?.Invoke("decoder.conv_in", first);
        Tensor x = _middle.Run(first);
        trace?.Invoke("decoder.mid_block", x);
        foreach ((ResidualBlock[] blocks, Convolution? sampler) in _levels)
        {
            foreach (ResidualBlock block in blocks)
            {
                cancellationToken.ThrowIfCancellationRequested();
                using Tensor previous = x;
                x = block.Run(previous);
            }

            if (sampler is not null)
            {
                using Tensor previous = x;
                using Tensor enlarged = FeatureMap.Enlarged(previous, 2 * previous.size(2), 2 * previous.size(3));
                x = sampler.Run(enlarged); // [N, C, h, w] -> [N, C, 2 h, 2 w]
            }
        }

        using Tensor large = x;
        using Tensor activated = _norm.Activated(large);
        return _last.Run(activated);
    }
}
