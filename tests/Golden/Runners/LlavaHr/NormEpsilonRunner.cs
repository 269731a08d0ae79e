using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.Vision;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>A block of CLIP and a stage of ConvNeXt on inputs of so small a variance that the norms' epsilon decides, and both activations.</summary>
public sealed class NormEpsilonRunner : IGoldenRunner
{
    public string Area => "llava-hr";

    public string Kind => "norm_eps_and_activations";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        CompareBlock(golden, ops);
        CompareStage(golden, ops);
        golden.Compare("out.act.gelu_erf", Activations.Run("gelu", golden.Get("in.act")));
        golden.Compare("out.act.quick_gelu", Activations.Run("quick_gelu", golden.Get("in.act")));
    }

    private static void CompareBlock(GoldenCase golden, Ops ops)
    {
        JsonElement sizes = golden.Config.GetProperty("clip");
        VisionTransformerConfig config = ClipVision.Parse(sizes, golden.Name) with
        {
            Layers = 1,
            ClassToken = false,
            PreNorm = false,
            Positions = VisionPositions.None,
            ImageSize = 1,
            PatchSize = 1,
        };
        using IWeightSource patches = new TensorWeights(new Dictionary<string, Tensor>
        {
            ["embeddings.patch_embedding.weight"] = zeros(config.HiddenSize, 3, 1, 1),
        });
        using IWeightSource block = golden.Weights().Under("clip.").WithPrefix("encoder.layers.0.");
        using CombinedWeights weights = new([patches, block], ownsSources: false);
        using VisionTransformer trunk = new(config, ClipVision.Load(weights, "", config, RecordedTrunk.Policy, 1, postNorm: false), ops);
        Tensor rows = golden.Get("in.clip");
        using VisionRun run = trunk.RunPatches(rows, new VisualGrid(1, (int)rows.size(1)), null, VisionRequest.Plain, CancellationToken.None);
        golden.Compare("out.clip", run[1]);
    }

    private static void CompareStage(GoldenCase golden, Ops ops)
    {
        JsonElement sizes = golden.Config.GetProperty("convnext");
        int inputs = sizes.GetProperty("in_chs").GetInt32(), outputs = sizes.GetProperty("out_chs").GetInt32();
        Assert.Equal(2, sizes.GetProperty("stride").GetInt32());
        ConvNextConfig config = new()
        {
            Depths = [0, sizes.GetProperty("depth").GetInt32()],
            Widths = [inputs, outputs],
            NormEpsilon = sizes.GetProperty("eps").GetDouble(),
        };
        using IWeightSource stem = new TensorWeights(new Dictionary<string, Tensor>
        {
            ["stem.0.weight"] = zeros(inputs, 3, 4, 4),
            ["stem.0.bias"] = zeros(inputs),
            ["stem.1.weight"] = zeros(inputs),
            ["stem.1.bias"] = zeros(inputs),
        });
        using IWeightSource stage = golden.Weights().Under("convnext_stage.").WithPrefix("stages.1.");
        using CombinedWeights weights = new([stem, stage], ownsSources: false);
        using ConvNext trunk = new(config, ConvNextWeights.Load(weights, "", config, RecordedTrunk.Policy), ops);
        golden.Compare("out.convnext_stage", trunk.Stage(golden.Get("in.convnext_stage"), 1, null, CancellationToken.None));
    }
}
