using Aperture.Golden.Tests.Vision;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A SigLIP vision tower alone, at its own size and another one; the picture's side need not be a multiple of a patch.</summary>
public sealed class SiglipVisionRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "siglip_vision";

    public void Run(GoldenCase golden)
    {
        using RecordedTrunk trunk = new(golden, "vision_model.", SiglipVision.Keys, SiglipVision.Parse(golden.Config, golden.Name), postNorm: true);
        Compare(golden, trunk, "");
        if (golden.Has("in.interp.pixel_values"))
        {
            Compare(golden, trunk, "interp.");
        }
    }

    private static void Compare(GoldenCase golden, RecordedTrunk trunk, string part)
    {
        using VisionRun run = trunk.Run(golden.Get($"in.{part}pixel_values"));
        RecordedTrunk.CompareStates(golden, run, $"mid.{part}hidden_states");
        using Tensor normed = trunk.Tower.PostNorm(run[run.Blocks]);
        golden.Compare($"out.{part}last_hidden_state", normed);
        if (golden.Has($"out.{part}pooler_output"))
        {
            golden.NotCompared($"out.{part}pooler_output", "the contrastive head that pools is part of no model here");
        }
    }
}
