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
        _first = loader.Linear("time_embedding.linear_1", config.TimeWidth, config.Channels[0], ofTime: true);
        _second = loader.Linear("time_embedding.linear_2", config.TimeWidth, config.TimeWidth, ofTime: true);
    }

    /// <summary>Cosines and sines of times under falling frequencies: float32 <c>[times, C]</c>; the caller disposes it.</summary>
    public Tensor Features(IReadOnlyList<double> times)
    {
        using DisposeScope scope = NewDisposeScope();
        int half = _config.Channels[0] / 2;
        Tensor exponents = arange(half, dtype: ScalarType.Float32).mul(-Math.Log(Period)).div(half - _config.FrequencyShift);
        Tensor rows = tensor([.. times.Select(time => (float)time)], [times.Count, 1]);
        Tensor angles = exponents.exp().unsqueeze(0).mul(rows); // [C / 2] -> [times, C / 2]
        Tensor[] parts = _config.CosineFirst ? [angles.cos(), angles.sin()] : [angles.sin(), angles.cos()];
        return cat(parts, -1).MoveToOuterDisposeScope(); // -> [times, C]
    }

    /// <summary>The embedding of features: <c>[times, D]</c>; the caller disposes it.</summary>
    public Tensor Embed(Tensor features)
    {
        using Tensor first = _first.Apply(features).silu_(); // [times, C] -> [times, D]
        return _second.Apply(first);
    }
}
