using Aperture.Plugins.Llava;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Features of tiles to the rows that enter the decoder: joined, without padding, with separators.</summary>
public sealed class LlavaNextPackRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "llavanext_pack";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        LlavaConfig config = LlavaConfig.Parse(golden.Config, golden.Name);
        LlavaTiling tiling = config.Tiling!.CheckedFor(config.Vision!.InputSize, golden.Name);
        Tensor separator = golden.Get("in.image_newline");
        long[] sizes = golden.Get("in.image_sizes_hw").data<long>().ToArray();
        for (int image = 0; image < sizes.Length / 2; image++)
        {
            TilePlan plan = tiling.Select((int)sizes[(2 * image) + 1], (int)sizes[2 * image], config.Vision.InputSize);
            golden.Compare($"out.packed.{image}", Packed(plan, golden.Get($"in.features.{image}")));
        }

        if (golden.Has("in.features_single_tile"))
        {
            TilePlan whole = new(config.Vision.InputSize, config.Vision.InputSize, config.Vision.InputSize, 0, 0);
            golden.Compare("out.packed_single_tile", Packed(whole, golden.Get("in.features_single_tile")));
        }

        Tensor Packed(TilePlan plan, Tensor features)
        {
            int tokens = (int)features.shape[1];
            Assert.Equal(1 + plan.Tiles, features.shape[0]);
            TileRows rows = TileRows.Of(plan, config.Vision.InputGrid, [.. Enumerable.Range(0, tokens)], tiling);
            Tensor joined = features.flatten(0, 1).index_select(0, tensor(rows.Index)); // [1 + tiles, tokens, C] -> [rows, C]
            VisualTokens packed = TileSeparators.Add(joined, rows.Segments, separator);
            Assert.Equal(packed.Rows.shape[0], packed.Count);
            Assert.Equal(packed.Segments.Sum(segment => segment.Separators.Length), packed.Count - rows.Index.Length);
            return packed.Rows;
        }
    }
}
