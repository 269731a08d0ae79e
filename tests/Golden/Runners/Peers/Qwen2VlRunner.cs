using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Peers;

/// <summary>Qwen2-VL and Qwen2.5-VL: the decoder with positions of three axes, from recorded rows and positions to logits and greedy tokens.</summary>
public sealed class Qwen2VlRunner : IGoldenRunner
{
    public string Area => "qwen2-vl";

    public string Kind => "end_to_end";

    public void Run(GoldenCase golden)
    {
        DecoderSpec spec = RecordedDecoder.ConfigOf(golden);
        bool text = !golden.Has("mid.position_ids"); // 0, 1, 2, … on every axis
        PaddedBatch batch = new(golden, text ? null : golden.Get("mid.position_ids"));
        if (!text)
        {
            golden.NotCompared("mid.position_ids", "given to the decoder: positions come from the pictures' grids");
            CompareDeltas(golden, batch);
        }

        CompareRotary(golden, spec, batch);

        int image = golden.Config.GetProperty("image_token_id").GetInt32(), video = golden.Config.GetProperty("video_token_id").GetInt32();
        using RecordedDecoder recorded = new(golden, spec);
        DecoderCase.Compare(golden, recorded, batch, row => batch.PackedIds[row] != image && batch.PackedIds[row] != video);
        DecoderCase.ExcuseVision(golden, "in.pixel_values", "in.image_grid_thw", "in.video_grid_thw", "in.second_per_grid_ts");
    }

    // Recorded over the whole width of a head, the two halves alike. Some versions keep the three axes apart up to here: then each section is read from its
    // axis.
    private static void CompareRotary(GoldenCase golden, DecoderSpec spec, PaddedBatch batch)
    {
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using RotaryTable table = new(spec.Rotary, CPU);
        Tensor Packed(Func<RotaryRows, Tensor> of) => cat([.. batch.Layouts.Select(layout =>
            of(table.Rows([.. Enumerable.Range(0, spec.PositionAxes).Select(axis => layout.PositionsOf(axis).ToArray())])))], 0);

        foreach ((string name, Tensor half) in new[] { ("mid.rotary_cos", Packed(rows => rows.Cos)), ("mid.rotary_sin", Packed(rows => rows.Sin)) })
        {
            Tensor stored = golden.Get(name), own = cat([half, half], -1); // [rows, half] -> [rows, head]
            if (stored.dim() == 3)
            {
                golden.Compare(name, batch.Fill(stored, own));
                continue;
            }

            Tensor filled = stored.clone(); // [axes, samples, columns, head]
            int from = 0;
            for (int section = 0; section < 2 * spec.Rotary.Sections.Count; section++)
            {
                int axis = section % spec.Rotary.Sections.Count, size = spec.Rotary.Sections[axis];
                Tensor part = filled[axis].narrow(-1, from, size);
                part.copy_(batch.Fill(part, own.narrow(-1, from, size)));
                from += size;
            }

            golden.Compare(name, filled);
        }
    }

    private static void CompareDeltas(GoldenCase golden, PaddedBatch batch)
    {
        using Tensor deltas = tensor([.. batch.Layouts.Select(layout => (long)(layout.NextPosition - layout.Count))]);
        using Tensor column = deltas.unsqueeze(1);
        golden.CompareExact("out.rope_deltas", column);
    }
}
