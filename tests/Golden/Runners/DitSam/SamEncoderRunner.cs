using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>The blocks of SAM's image encoder inside a whole SAM.</summary>
public sealed class SamEncoderRunner : IGoldenRunner
{
    private static readonly float[] _mean = [123.675f, 116.28f, 103.53f], _deviation = [58.395f, 57.12f, 57.375f];

    public string Area => "dit-sam";

    public string Kind => "sam_forward";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement sizes = golden.Config;
        int Int(string key) => sizes.GetProperty(key).GetInt32();
        VisionTransformerConfig config = SamVision.Options(
            new VisionTransformerConfig
            {
                HiddenSize = Int("embed_dim"),
                IntermediateSize = Int("embed_dim") * Int("mlp_ratio"),
                Layers = Int("depth"),
                Heads = Int("num_heads"),
                ImageSize = Int("img_size"),
                PatchSize = Int("patch_size"),
            },
            Int("window_size"),
            [.. sizes.GetProperty("global_attn_indexes").EnumerateArray().Select(block => block.GetInt32())]);
        using RecordedTrunk trunk = new(golden, "image_encoder.", SamVision.Keys, config);
        VisionRun run = trunk.Run(cat([Padded(golden.Get("in.image.0"), config.ImageSize), Padded(golden.Get("in.image.1"), config.ImageSize)], 0));
        for (int block = 0; block < config.Layers; block++)
        {
            golden.Compare($"mid.block_out.{block}", run[block + 1].unflatten(1, [config.Grid, config.Grid]));
        }

        foreach (string part in new[] { "in.boxes.*", "in.mask_inputs.*", "in.point_*", "mid.dense*", "mid.sparse*", "mid.image_embeddings", "out.*" })
        {
            golden.NotCompared(part, "the neck, the prompts and the mask decoder belong to SAM as a model");
        }
    }

    // Normalised, then zeros to the right and below: [3, height, width] -> [1, 3, side, side].
    private static Tensor Padded(Tensor image, int side)
    {
        Tensor normed = image.sub(tensor(_mean, [3, 1, 1])).div(tensor(_deviation, [3, 1, 1]));
        return F.pad(normed, [0, side - image.size(2), 0, side - image.size(1)]).unsqueeze(0);
    }
}
