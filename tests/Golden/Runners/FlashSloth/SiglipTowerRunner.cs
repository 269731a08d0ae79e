using System.Globalization;
using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>FlashSloth's SigLIP: the state after the blocks that the official truncation leaves.</summary>
public sealed class SiglipTowerRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "siglip_tower";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        VisionTransformerConfig config = SiglipVision.Parse(golden.Config.GetProperty("siglip"), golden.Name);
        Tensor pixels = GeneratedTensor.Make(golden.Config.GetProperty("pixels"));
        golden.CompareExact("mid.pixels_probe", pixels.flatten().narrow(0, 0, 16));
        using RecordedTrunk trunk = new(golden, "model.vision_tower.vision_tower.vision_model.", SiglipVision.Keys, config);
        foreach (JsonProperty kept in golden.Config.GetProperty("blocks_kept").EnumerateObject())
        {
            int stop = kept.Value.GetInt32();
            int selected = int.Parse(kept.Name, CultureInfo.InvariantCulture);
            VisionRun run = trunk.Tower.Run(pixels, new VisionRequest { StopAfterBlocks = stop }, CancellationToken.None);
            Assert.Equal(stop, run.Blocks);
            golden.Compare($"out.select{selected}", run[stop]);
        }
    }
}
