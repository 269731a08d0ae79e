using Aperture.Golden.Tests.BaseModels;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Peers;

/// <summary>MiniCPM-V 2.0, 2.5 and 2.6: the decoder from recorded rows to logits and greedy tokens; text embeddings, which 2.0 scales, are computed.</summary>
public sealed class MiniCpmVRunner : IGoldenRunner
{
    public string Area => "minicpm-v";

    public string Kind => "end_to_end";

    public void Run(GoldenCase golden)
    {
        PaddedBatch batch = new(golden);
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Tensor marks = zeros(golden.Get("in.input_ids").shape); // [samples, columns], 1 where a visual token stands
        foreach (int[] bound in PaddedBatch.Rows(golden.Get("in.image_bound")))
        {
            marks[bound[0]].narrow(0, bound[1], bound[2] - bound[1]).fill_(1);
        }

        float[] visual = batch.Pack(marks).data<float>().ToArray();
        using RecordedDecoder recorded = new(golden, RecordedDecoder.ConfigOf(golden), "llm.");
        DecoderCase.Compare(golden, recorded, batch, row => visual[row] == 0);
        DecoderCase.ExcuseVision(golden, "in.pixel_values", "in.tgt_sizes", "mid.tower", "out.vision_tokens");
    }
}
