using System.Text.Json;
using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>A UNet at several times, with what leaves its blocks at the first.</summary>
public class UNetRunner : IGoldenRunner
{
    public string Area => DiffusionCase.AreaName;

    public virtual string Kind => "unet";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = no_grad();
        using UNet unet = DiffusionCase.UNet(golden);
        double[] times = DiffusionCase.Numbers(golden.Config.GetProperty("timesteps"));
        for (int i = 0; i < times.Length; i++)
        {
            Action<string, Tensor> compare = (name, value) =>
            {
                // Recorded for every sample; ours has one row for all.
                string recorded = $"mid.{name}";
                if (golden.Has(recorded))
                {
                    golden.Compare(recorded, name.StartsWith("time_", StringComparison.Ordinal) ? value.expand(golden.Get(recorded).shape) : value);
                }
            };
            Tensor predicted = unet.Run(golden.Get("in.sample"), times[i], golden.Get("in.text"), trace: i == 0 ? compare : null);
            golden.Compare($"out.sample.t{i}", predicted);
        }

        // The text is looked at: another one gives another result, by as much as was recorded or so.
        if (golden.Meta.TryGetProperty("other_text_changes_output_by", out JsonElement change) && change.GetDouble() > 0)
        {
            Tensor other = unet.Run(golden.Get("in.sample"), times[0], golden.Get("in.text").neg());
            Assert.True(other.sub(unet.Run(golden.Get("in.sample"), times[0], golden.Get("in.text"))).abs().max().item<float>() > 0.01 * change.GetDouble());
        }
    }
}

/// <summary>The same with the nine channels of inpainting.</summary>
public sealed class InpaintingUNetRunner : UNetRunner
{
    public override string Kind => "unet_inpaint";
}

/// <summary>The same in the published order of blocks.</summary>
public sealed class PublishedOrderUNetRunner : UNetRunner
{
    public override string Kind => "unet_sd_order";
}
