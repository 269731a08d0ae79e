using Aperture.Golden.Tests.Vision;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A CLIP vision tower alone: every hidden state, the pooled class token, and an input whose grid differs from the position table.</summary>
public sealed class ClipVisionRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "clip_vision";

    public void Run(GoldenCase golden)
    {
        using RecordedTrunk trunk = new(golden, "vision_model.", ClipVision.Keys, ClipVision.Parse(golden.Config, golden.Name), postNorm: true);
        Compare(golden, trunk, "");
        if (golden.Has("in.interp.pixel_values"))
        {
            Compare(golden, trunk, "interp.");
        }
    }

    private static void Compare(GoldenCase golden, RecordedTrunk trunk, string part)
    {
        Tensor pixels = golden.Get($"in.{part}pixel_values");
        using VisionRun run = trunk.Run(pixels);
        RecordedTrunk.CompareStates(golden, run, $"mid.{part}hidden_states");
        golden.Compare($"out.{part}last_hidden_state", run[run.Blocks]);
        if (golden.Has($"out.{part}pooler_output"))
        {
            using Tensor pooled = trunk.Tower.Pool(run[run.Blocks]);
            golden.Compare($"out.{part}pooler_output", pooled);
        }

        if (golden.Has($"mid.{part}position_embedding"))
        {
            int patch = trunk.Tower.Config.PatchSize;
            using Tensor table = trunk.Tower.PositionsFor(new VisualGrid((int)pixels.shape[2] / patch, (int)pixels.shape[3] / patch));
            using Tensor batched = table.unsqueeze(0);
            golden.Compare($"mid.{part}position_embedding", batched);
        }
    }
}
