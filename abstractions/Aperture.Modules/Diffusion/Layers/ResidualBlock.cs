using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>Two normalised convolutions beside a shortcut, shifted by the time in between (diffusers' ResnetBlock2D). Borrows its tensors.</summary>
internal sealed class ResidualBlock
{
    private readonly GroupNorm _norm1, _norm2;
    private readonly Convolution _conv1, _conv2;
    private readonly Matrix? _time, _shortcut;
    private readonly double _scale;

    /// <summary>Loads the block.</summary>
    /// <param name="loader">The checkpoint.</param>
    /// <param name="name">Published name, such as <c>down_blocks.0.resnets.0</c>.</param>
    /// <param name="inputs">Channels in.</param>
    /// <param name="outputs">Channels out.</param>
    /// <param name="groups">Groups of the norms.</param>
    /// <param name="epsilon">Of the norms.</param>
    /// <param name="timeWidth">Width of the time's embedding; 0 for a block without.</param>
    /// <param name="scale">What the sum is divided by.</param>
    public ResidualBlock(DiffusionLoader loader, string name, int inputs, int outputs, int groups, double epsilon, int timeWidth, double scale = 1)
    {
        _norm1 = loader.GroupNorm(name + ".norm1", inputs, groups, epsilon);
        _conv1 = loader.Convolution(name + ".conv1", outputs, inputs);
        _time = timeWidth > 0 ? loader.Linear(name + ".time_emb_proj", outputs, timeWidth, ofTime: true) : null;
        _norm2 = loader.GroupNorm(name + ".norm2", outputs, groups, epsilon);
        _conv2 = loader.Convolution(name + ".conv2", outputs, outputs);
        _shortcut = inputs == outputs ? null : loader.Linear(name + ".conv_shortcut", outputs, inputs);
        _scale = scale;
    }

    /// <summary>Runs the block.</summary>
    /// <param name="x"><c>[N, in, H, W]</c>; borrowed.</param>
    /// <param name="time">The activated embedding of the time, <c>[1 or N, D]</c>; borrowed. Null in a block without.</param>
    /// <returns><c>[N, out, H, W]</c>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor? time = null)
    {
        using Tensor middle = Half(x, _norm1, _conv1); // [N, in, H, W] -> [N, out, H, W]
        if (_time is not null)
        {
            using Tensor shift = _time.Apply(time!); // [1 or N, D] -> [1 or N, out]
            using Tensor places = shift.view(shift.size(0), shift.size(1), 1, 1);
            middle.add_(places);
        }

        Tensor result = Half(middle, _norm2, _conv2);
        if (_shortcut is null)
        {
            result.add_(x);
        }
        else
        {
            using Tensor rows = FeatureMap.Rows(x);
            using Tensor mapped = _shortcut.Apply(rows); // [N, H W, in] -> [N, H W, out]
            using Tensor map = FeatureMap.OfRows(mapped, x.size(2), x.size(3));
            result.add_(map);
        }

        return _scale == 1 ? result : result.div_(_scale);
    }

    private static Tensor Half(Tensor x, GroupNorm norm, Convolution convolution)
    {
        using Tensor activated = norm.Activated(x);
        return convolution.Run(activated);
    }
}
