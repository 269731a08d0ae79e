using Aperture.Generation;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>The distribution that LaVIN draws tokens from.</summary>
public sealed class LavinTopPRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "lavin_top_p";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        LogitsPipeline pipeline = new(new GenerationOptions
        {
            Temperature = golden.Config.GetProperty("temperature").GetDouble(),
            TopP = golden.Config.GetProperty("top_p").GetDouble(),
            TopK = 0,
        });
        Tensor logits = golden.Get("in.logits");
        Tensor kept = stack([.. Enumerable.Range(0, (int)logits.size(0)).Select(row =>
        {
            float[] values = logits[row].data<float>().ToArray();
            pipeline.Process(values, [], 0);
            return tensor(values);
        })], 0).softmax(-1);
        golden.Compare("out.kept_distribution", kept);
        golden.CompareExact("out.most_likely", kept.argmax(1, keepdim: true));
    }
}
