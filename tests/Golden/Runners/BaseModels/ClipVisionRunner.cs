using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A CLIP vision tower alone: every hidden state, the pooled class token, and an input whose grid differs from the position table.</summary>
public sealed class ClipVisionRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "clip_vision";

    public void Run(GoldenCase golden)
    {
        ClipVisionConfig config = ClipVisionConfig.Parse(golden.Config, golden.Name);
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        WeightPolicy policy = new(CPU, ScalarType.Float32, ScalarType.Float32);
        using ClipVisionTower tower = new(config, ClipVisionWeights.Load(golden.Weights(), "vision_model.", config, policy, config.Layers, postNorm: true), ops);
        Compare(golden, tower, "");
        if (golden.Has("in.interp.pixel_values"))
        {
            Compare(golden, tower, "interp.");
        }
    }

    private static void Compare(GoldenCase golden, ClipVisionTower tower, string part)
    {
        Tensor pixels = golden.Get($"in.{part}pixel_values");
        int layers = tower.Config.Layers;
        IReadOnlyDictionary<int, Tensor> states = tower.Run(pixels, Enumerable.Range(0, layers + 1).ToHashSet(), null, CancellationToken.None);
        foreach ((int layer, Tensor state) in states)
        {
            golden.Compare($"mid.{part}hidden_states.{layer}", state);
        }

        golden.Compare($"out.{part}last_hidden_state", states[layers]);
        if (golden.Has($"out.{part}pooler_output"))
        {
            using Tensor pooled = tower.Pool(states[layers]);
            golden.Compare($"out.{part}pooler_output", pooled);
        }

        if (golden.Has($"mid.{part}position_embedding"))
        {
            using Tensor table = tower.PositionsFor((int)pixels.shape[2] / tower.Config.PatchSize, (int)pixels.shape[3] / tower.Config.PatchSize);
            using Tensor batched = table.unsqueeze(0);
            golden.Compare($"mid.{part}position_embedding", batched);
        }

        foreach (Tensor state in states.Values)
        {
            state.Dispose();
        }
    }
}
