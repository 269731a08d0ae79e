using System.Text.Json;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>SAM's relative positions, windows and position tables, each alone.</summary>
public sealed class SamPiecesRunner : IGoldenRunner
{
    public string Area => "dit-sam";

    public string Kind => "sam_pieces";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int table = 0;
        foreach (JsonElement sizes in golden.Config.GetProperty("get_rel_pos").EnumerateArray())
        {
            golden.Compare($"out.rel_pos.{table}", RelativePositions.Vectors(golden.Get($"in.table.{table}"), sizes[0].GetInt32(), sizes[1].GetInt32()));
            table++;
        }

        CompareBias(golden);
        ComparePositions(golden);
        golden.NotCompared("in.win.*", "windows are sorted by places, not cut out of a map: whole towers and the trunk's own tests fix them");
        golden.NotCompared("out.win.*", "windows are sorted by places, not cut out of a map: whole towers and the trunk's own tests fix them");
    }

    private static void CompareBias(GoldenCase golden)
    {
        (int rows, int columns) = (golden.Config.GetProperty("grid")[0].GetInt32(), golden.Config.GetProperty("grid")[1].GetInt32());
        (int Row, int Column)[] places = [.. Enumerable.Range(0, rows * columns).Select(place => (place / columns, place % columns))];
        Tensor queries = golden.Get("in.q").unsqueeze(1); // [batch * heads, N, head] -> [batch * heads, 1, N, head]
        Tensor bias = RelativePositions.Bias(queries, golden.Get("in.rel_pos_h"), golden.Get("in.rel_pos_w"), places, (rows, columns));
        golden.Compare("out.attn", golden.Get("in.attn").add(bias.squeeze(1)));
    }

    private static void ComparePositions(GoldenCase golden)
    {
        Tensor stored = golden.Get("in.pos_embed");
        Tensor flat = stored.reshape(-1, stored.size(3)); // [1, side, side, C] -> [places, C]
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.pos_embed.", StringComparison.Ordinal)).ToList())
        {
            int side = int.Parse(name["out.pos_embed.".Length..], System.Globalization.CultureInfo.InvariantCulture);
            Tensor resampled = PositionTable.Resample(flat, 0, new VisualGrid(side, side), PositionResampling.Bicubic);
            golden.Compare(name, resampled.view(1, side, side, -1));
        }
    }
}
