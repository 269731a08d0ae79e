using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.QwenVl;

/// <summary>The blocks of Qwen2-VL's and Qwen2.5-VL's vision transformers over pictures of several sizes; the merger is not part of them.</summary>
public sealed class VisionTowerRunner : IGoldenRunner
{
    public string Area => "qwen2-vl";

    public string Kind => "vision_tower";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement vision = golden.Config.GetProperty("vision_config");
        int Int(string key) => vision.GetProperty(key).GetInt32();
        bool gated = golden.Config.GetProperty("model_type").GetString() == "qwen2_5_vl";
        int width = Int(gated ? "hidden_size" : "embed_dim"), patch = Int("patch_size"), merge = Int("spatial_merge_size");
        VisionTransformerConfig sizes = new()
        {
            HiddenSize = width,
            IntermediateSize = gated ? Int("intermediate_size") : width * Int("mlp_ratio"),
            Layers = Int("depth"),
            Heads = Int("num_heads"),
            ImageSize = patch,
            PatchSize = patch,
            Frames = Int("temporal_patch_size"),
            Activation = vision.GetProperty("hidden_act").GetString()!,
        };
        VisionTransformerConfig config = gated
            ? QwenVision.GatedOptions(sizes, Int("window_size") / patch, Blocks(vision.GetProperty("fullatt_block_indexes")))
            : QwenVision.Options(sizes);
        using RecordedTrunk trunk = new(golden, "visual.", gated ? QwenVision.GatedKeys : QwenVision.Keys, config);

        Tensor embedded = trunk.Tower.EmbedFlattened(golden.Get("in.pixel_values").unsqueeze(0)); // [n, values] -> [1, n, C]
        golden.Compare("mid.patch_embed", embedded.squeeze(0));
        List<VisionRun> runs = RunFrames(trunk.Tower, embedded, golden.Get("in.grid_thw"), merge);
        for (int block = 0; block < config.Layers; block++)
        {
            Tensor rows = cat([.. runs.Select(run => run[block + 1])], 1).squeeze(0); // [1, n, C] -> [n, C]
            if (gated)
            {
                rows = rows.unflatten(0, [-1, merge * merge]).index_select(0, golden.Get("mid.window_index")).flatten(0, 1); // into the order of windows
            }

            golden.Compare($"mid.block.{block}", rows);
        }

        foreach (string name in golden.Names.Where(IsOther).ToList())
        {
            golden.NotCompared(name, "the merger, and bookkeeping that the blocks' outputs fix");
        }
    }

    private static int[] Blocks(JsonElement list) => [.. list.EnumerateArray().Select(block => block.GetInt32())];

    private static bool IsOther(string name)
        => name == "out.merged" || name.StartsWith("mid.merger", StringComparison.Ordinal) || name.StartsWith("mid.cu_", StringComparison.Ordinal)
            || name.StartsWith("mid.rotary_", StringComparison.Ordinal) || name is "mid.position_ids" or "mid.window_index";

    private static List<VisionRun> RunFrames(VisionTransformer tower, Tensor embedded, Tensor grids, int merge)
    {
        HashSet<int> all = [.. Enumerable.Range(0, tower.Config.Layers + 1)];
        List<VisionRun> runs = [];
        long start = 0;
        for (long picture = 0; picture < grids.size(0); picture++)
        {
            int[] size = Array.ConvertAll(grids[picture].data<long>().ToArray(), value => (int)value); // frames, rows, columns
            VisualGrid grid = new(size[1], size[2]);
            for (int frame = 0; frame < size[0]; frame++, start += grid.Count)
            {
                Tensor patches = embedded.narrow(1, start, grid.Count);
                int[] places = QwenVision.Places(grid.Rows, grid.Columns, merge);
                runs.Add(tower.RunPatches(patches, grid, places, new VisionRequest { HiddenStates = all }, CancellationToken.None));
            }
        }

        return runs;
    }
}
