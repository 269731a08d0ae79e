using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Diffusion;

/// <summary>What is left of a signal at whole times, in diffusers' float32.</summary>
internal sealed class KeptSignal(NoiseSchedule schedule)
{
    /// <summary>The share of the signal's variance that is left at a time; before time 0 what the schedule ends with.</summary>
    public float At(int time) => time >= 0 ? schedule.Kept[time] : schedule.EndsWithOne ? 1 : schedule.Kept[0];

    public Tensor AddNoise(Tensor clean, Tensor noise, int time)
    {
        using DisposeScope scope = NewDisposeScope();
        return clean.mul(MathF.Sqrt(At(time))).add(noise.mul(MathF.Sqrt(1 - At(time)))).MoveToOuterDisposeScope();
    }

    public Tensor Clean(Tensor sample, Tensor noise, int time)
    {
        using DisposeScope scope = NewDisposeScope();
        return sample.sub(noise.mul(MathF.Sqrt(1 - At(time)))).div(MathF.Sqrt(At(time))).MoveToOuterDisposeScope();
    }
}
