using System.Text.Json;
using Aperture.Generation;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Raw logits to processed ones under each recorded option set.</summary>
public sealed class LogitsProcessorsRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "logits_processors";

    public void Run(GoldenCase golden)
    {
        int[][] ids = PaddedBatch.Rows(golden.Get("in.input_ids"));
        Tensor logits = golden.Get("in.logits");
        int generated = ids[0].Length - golden.Config.GetProperty("prompt_length").GetInt32();
        foreach (JsonProperty set in golden.Config.GetProperty("options").EnumerateObject())
        {
            LogitsPipeline pipeline = new(Options(set.Value));
            using TorchSharp.DisposeScope scope = NewDisposeScope();
            Tensor processed = stack([.. ids.Select((row, sample) =>
            {
                float[] values = logits[sample].data<float>().ToArray();
                pipeline.Process(values, row, generated);
                return tensor(values);
            })], 0);
            Tensor kept = processed.isneginf().logical_not();
            golden.CompareExact($"out.{set.Name}.kept", kept.to_type(ScalarType.Byte));
            golden.Compare($"out.{set.Name}.scores", where(kept, processed, zeros_like(processed)));
            golden.Compare($"out.{set.Name}.probabilities", processed.softmax(-1));
        }
    }

    private static GenerationOptions Options(JsonElement set)
    {
        GenerationOptions options = GenerationOptions.Parse(set, "options");
        bool topK = set.GetProperty("processors").EnumerateArray().Any(name => name.GetString() == "TopKLogitsWarper");
        return topK ? options : options with { TopK = 0 };
    }
}
