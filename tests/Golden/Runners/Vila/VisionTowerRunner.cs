using Aperture.Golden.Tests.Vision;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Vila;

/// <summary>VILA's SigLIP tower: every hidden state and the features of the last block but one.</summary>
public sealed class VisionTowerRunner : IGoldenRunner
{
    public string Area => "vila";

    public string Kind => "vision_tower";

    public void Run(GoldenCase golden)
    {
        VisionTransformerConfig config = SiglipVision.Parse(golden.Config.GetProperty("vision"), golden.Name);
        using RecordedTrunk trunk = new(golden, "vision_tower.vision_model.", SiglipVision.Keys, config, postNorm: true);
        using VisionRun run = trunk.Run(golden.Get("in.pixel_values"));
        RecordedTrunk.CompareStates(golden, run, "mid.hidden_states");
        int layer = golden.Config.GetProperty("mm_vision_select_layer").GetInt32();
        golden.Compare("out.features", run[config.Layers + 1 + layer]);
        if (golden.Has("out.last_hidden_state_post_norm"))
        {
            using Tensor normed = trunk.Tower.PostNorm(run[config.Layers]);
            golden.Compare("out.last_hidden_state_post_norm", normed);
        }

        if (golden.Has("out.pooler_output"))
        {
            golden.NotCompared("out.pooler_output", "the contrastive head that pools is part of no model here");
        }
    }
}
