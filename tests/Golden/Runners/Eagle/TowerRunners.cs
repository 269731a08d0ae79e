using System.Text.Json;
using Aperture.Golden.Tests.Vision;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eagle;

/// <summary>Sizes of a tower and where its weights stand.</summary>
internal static class EagleTower
{
    public static JsonElement Sizes(GoldenCase golden) => golden.Config.GetProperty("towers").GetProperty(golden.Config.GetProperty("tower").GetString()!);

    public static string Prefix(GoldenCase golden) => golden.Config.GetProperty("key_prefix").GetString()!;

    public static int Int(this JsonElement sizes, string key) => sizes.GetProperty(key).GetInt32();

    public static int[] Ints(this JsonElement sizes, string key) => [.. sizes.GetProperty(key).EnumerateArray().Select(value => value.GetInt32())];

    /// <summary>Rows as the recorded map <c>[batch, rows, columns, C]</c>; the case's scope disposes it.</summary>
    public static Tensor Map(Tensor rows, VisualGrid grid) => rows.unflatten(1, [grid.Rows, grid.Columns]);
}

/// <summary>CLIP whose class token is dropped before the first norm, at its own and at other sizes.</summary>
public sealed class EagleClipRunner : IGoldenRunner
{
    public string Area => "eagle";

    public string Kind => "tower_clip";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        VisionTransformerConfig config = ClipVision.Parse(EagleTower.Sizes(golden), golden.Name) with { Resampling = PositionResampling.BicubicAntialiased };
        using RecordedTrunk trunk = new(golden, EagleTower.Prefix(golden) + "vision_model.", ClipVision.Keys, config);
        VisionTrunkHooks withoutClass = new()
        {
            AfterEmbedding = (context, rows) =>
            {
                context.Keep([.. Enumerable.Range(1, (int)rows.size(1) - 1)]);
                return null;
            },
        };
        foreach (string part in new[] { "", "larger.", "smaller." }.Where(part => golden.Has($"in.{part}pixel_values")))
        {
            Tensor pixels = golden.Get($"in.{part}pixel_values");
            VisionRun run = trunk.Run(pixels, withoutClass);
            Assert.All(run.States.Values, state => Assert.False(state.ClassToken));
            golden.Compare($"out.{part}features", run[config.Layers]);
            for (int layer = 0; part.Length == 0 && layer < config.Layers; layer++)
            {
                golden.Compare($"mid.layers.{layer}", run[layer + 1]);
            }

            if (golden.Has($"mid.{part}pre_layrnorm"))
            {
                golden.Compare($"mid.{part}pre_layrnorm", run[0]);
            }

            if (golden.Has($"mid.{part}position_embedding"))
            {
                int side = (int)pixels.size(3) / config.PatchSize;
                golden.Compare($"mid.{part}position_embedding", trunk.Tower.PositionsFor(new VisualGrid(side, side)).unsqueeze(0));
            }
        }
    }
}

/// <summary>SAM: windows whose padding is attended, relative positions from queries, and Eagle's short neck.</summary>
public sealed class EagleSamRunner : IGoldenRunner
{
    public string Area => "eagle";

    public string Kind => "tower_sam";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement sizes = EagleTower.Sizes(golden);
        VisionTransformerConfig config = SamVision.Options(
            new VisionTransformerConfig
            {
                HiddenSize = sizes.Int("hidden_size"),
                IntermediateSize = sizes.Int("mlp_dim"),
                Layers = sizes.Int("num_hidden_layers"),
                Heads = sizes.Int("num_attention_heads"),
                ImageSize = sizes.Int("image_size"),
                PatchSize = sizes.Int("patch_size"),
            },
            sizes.Int("window_size"),
            sizes.Ints("global_attn_indexes"));
        string prefix = EagleTower.Prefix(golden);
        using RecordedTrunk trunk = new(golden, prefix, SamVision.HuggingFaceKeys, config);
        VisionRun run = trunk.Run(golden.Get("in.pixel_values"));
        for (int layer = 0; layer < config.Layers; layer++)
        {
            golden.Compare($"mid.layers.{layer}", EagleTower.Map(run[layer + 1], config.InputGrid));
        }

        golden.NotCompared("mid.neck", "the neck behind the transformer belongs to Eagle");
        golden.NotCompared("out.features", "the neck behind the transformer belongs to Eagle");
    }
}

/// <summary>EVA-02: rotary positions in windows and in the whole grid, gated feed-forward networks, keys without bias.</summary>
public sealed class EagleDetRunner : IGoldenRunner
{
    public string Area => "eagle";

    public string Kind => "tower_det";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement sizes = EagleTower.Sizes(golden);
        int depth = sizes.Int("depth");
        int[] windowed = sizes.Ints("window_block_indexes");
        VisionTransformerConfig config = EvaVision.Options(
            new VisionTransformerConfig
            {
                HiddenSize = sizes.Int("embed_dim"),
                IntermediateSize = sizes.Int("swiglu_hidden"),
                Layers = depth,
                Heads = sizes.Int("num_heads"),
                ImageSize = golden.Config.GetProperty("input_image_size").GetInt32(),
                PatchSize = sizes.Int("patch_size"),
            },
            sizes.Int("pretrain_img_size") / sizes.Int("patch_size"),
            sizes.Int("window_size"),
            [.. Enumerable.Range(0, depth).Except(windowed)]);
        Assert.Equal(config.Rotary!.Length, sizes.Int("pt_hw_seq_len"));
        using RecordedTrunk trunk = new(golden, EagleTower.Prefix(golden), EvaVision.Keys, config);
        VisionRun run = trunk.Run(golden.Get("in.pixel_values"));
        for (int block = 0; block < depth; block++)
        {
            golden.Compare($"mid.blocks.{block}", EagleTower.Map(run[block + 1], config.InputGrid));
        }

        golden.Compare("out.features", EagleTower.Map(run[depth], config.InputGrid).permute(0, 3, 1, 2));
        if (golden.Has("mid.pos_embed_resampled"))
        {
            Tensor table = trunk.Tower.PositionsFor(config.InputGrid);
            golden.Compare("mid.pos_embed_resampled", EagleTower.Map(table.narrow(0, 1, config.InputGrid.Count).unsqueeze(0), config.InputGrid));
        }

        if (golden.Has("mid.rope_global_cos"))
        {
            golden.NotCompared("mid.rope_*", "angles are computed where they are used; the blocks' outputs fix them");
        }
    }
}
