using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>The time of a step as features, and through two linear layers. Borrows its tensors.</summary>
internal sealed class TimeEmbedding
{
    private const double Period = 10000;

    private readonly Matrix _first, _second;
    private readonly UNetConfig _config;

    public TimeEmbedding(DiffusionLoader loader, UNetConfig config)
    {
        _config = config;
        _first = loader.Linear("time_embedding.linear_1", config.TimeWidth, config.Channels[0]);
        _second = loader.Linear("time_embedding.linear_2", config.TimeWidth, config.TimeWidth);
    }

    /// <summary>Cosines and sines of the time under falling frequencies: float32 <c>[1, C]</c>; the caller disposes it.</summary>
    public Tensor Features(double time)
    {
        using DisposeScope scope = NewDisposeScope();
        int half = _config.Channels[0] / 2;
        Tensor exponents = arange(half, dtype: ScalarType.Float32).mul(-Math.Log(Period)).div(half - _config.FrequencyShift);
        Tensor angles = exponents.exp().mul((float)time).unsqueeze(0); // [C / 2] -> [1, C / 2]
        Tensor[] parts = _config.CosineFirst ? [angles.cos(), angles.sin()] : [angles.sin(), angles.cos()];
        return cat(parts, -1).MoveToOuterDisposeScope(); // -> [1, C]
    }

    /// <summary>The embedding of features: <c>[1, D]</c>; the caller disposes it.</summary>
    public Tensor Embed(Tensor features)
    {
        using Tensor first = _first.Apply(features).silu_(); // [1, C] -> [1, D]
        return _second.Apply(first);
    }
}
