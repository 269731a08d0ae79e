using Aperture.Golden.Tests.Vision;
using Aperture.Vision;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>InternViT alone: layer norms with biases, or RMS norms with normalised queries and keys; at its own size and another one.</summary>
public sealed class InternVitRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "internvit";

    public void Run(GoldenCase golden)
    {
        using RecordedTrunk trunk = new(golden, "vision_model.", InternVision.Keys, InternVision.Parse(golden.Config, golden.Name));
        foreach (string part in new[] { "", "interp." }.Where(part => golden.Has($"in.{part}pixel_values")))
        {
            using VisionRun run = trunk.Run(golden.Get($"in.{part}pixel_values"));
            RecordedTrunk.CompareStates(golden, run, $"mid.{part}hidden_states");
            golden.Compare($"out.{part}last_hidden_state", run[run.Blocks]);
        }
    }
}
