using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Tasks;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>Generation from a padded batch of ids under each recorded option set, beams as transformers 4.37.2 has them.</summary>
public sealed class GenerationRunner : IGoldenRunner
{
    private const string OlderVersion = "_437";

    public string Area => "base-models";

    public string Kind => "generation";

    public void Run(GoldenCase golden)
    {
        DecoderSpec config = RecordedDecoder.ConfigOf(golden);
        PaddedBatch batch = new(golden);
        using RecordedDecoder recorded = new(golden, config);
        HashSet<string> differing = golden.Config.TryGetProperty("hypotheses_differ_between_versions", out JsonElement list)
            ? [.. list.EnumerateArray().Select(name => name.GetString()!)]
            : [];
        JsonElement common = golden.Config.GetProperty("generation_common");
        TokenGenerator generator = new(recorded.Decoder);
        GenerationInput Input(int[][] seen) => new(recorded.Decoder.Embed(batch.PackedIds), batch.Layouts) { SeenIds = seen };

        // The first forward builds the rotary table, which stays.
        generator.Generate(Input(batch.Ids), new GenerationOptions { MaxNewTokens = 1 });
        foreach (JsonProperty set in golden.Config.GetProperty("generation").EnumerateObject())
        {
            GenerationOptions options = Options(common, set.Value);

            // The older version counts the padding as seen, the one that recorded greedy choices does not.
            int[][] seen = golden.Has($"out.{set.Name}.generated_ids{OlderVersion}") ? batch.Ids : batch.RealIds;
            long before = LiveTensors.Settled();
            GenerationResult result = generator.Generate(Input(seen), options, new GenerationControl { KeepLogits = options.Beams == 1 });
            Assert.Equal(before, Tensor.TotalCount);
            Compare(golden, set.Name, result, options, differing.Contains(set.Name));
        }
    }

    private static GenerationOptions Options(JsonElement common, JsonElement own)
    {
        JsonObject merged = JsonObject.Create(common.Clone())!;
        foreach (JsonProperty option in own.EnumerateObject())
        {
            merged[option.Name] = JsonNode.Parse(option.Value.GetRawText());
        }

        using JsonDocument document = JsonDocument.Parse(merged.ToJsonString());
        return GenerationOptions.Parse(document.RootElement, "generation");
    }

    private static void Compare(GoldenCase golden, string set, GenerationResult result, GenerationOptions options, bool differs)
    {
        string ids = $"out.{set}.generated_ids", scores = $"out.{set}.sequences_scores";
        bool older = golden.Has(ids + OlderVersion);
        if (older)
        {
            CompareIds(golden, ids + OlderVersion, result, options);
            golden.NotCompared(ids, "transformers 5 marks the end of a hypothesis otherwise; 4.37.2 is followed and compared");
        }
        else
        {
            CompareIds(golden, ids, result, options);
        }

        if (golden.Has(ids + "_returned"))
        {
            golden.NotCompared(ids + "_returned", "transformers 5 fills with the end-of-sequence id where the pad id is 0; 4.37.2 is followed and compared");
        }

        if (golden.Has(scores))
        {
            using Tensor actual = tensor([.. result.Sequences.Select(sequence => sequence.Score!.Value)]);
            if (golden.Has(scores + OlderVersion))
            {
                golden.Compare(scores + OlderVersion, actual);
            }

            if (differs)
            {
                golden.NotCompared(scores, "the two versions find other hypotheses here; 4.37.2 is followed and compared");
            }
            else
            {
                golden.Compare(scores, actual);
            }
        }

        CompareSteps(golden, $"out.{set}.logits", result, sequence => sequence.Logits!);
        CompareSteps(golden, $"out.{set}.scores", result, sequence => sequence.ProcessedLogits!);
    }

    private static void CompareIds(GoldenCase golden, string name, GenerationResult result, GenerationOptions options)
    {
        int width = result.Sequences.Max(sequence => sequence.Tokens.Length);
        using Tensor actual = stack([.. result.Sequences.Select(sequence =>
            tensor([.. sequence.Tokens.Select(token => (long)token), .. Enumerable.Repeat((long)options.PadId, width - sequence.Tokens.Length)]))], 0);
        golden.CompareExact(name, actual);
    }

    // Steps of a sequence after its end were recorded from padding and mean nothing.
    private static void CompareSteps(GoldenCase golden, string name, GenerationResult result, Func<GeneratedSequence, IReadOnlyList<float[]>> steps)
    {
        if (!golden.Has(name))
        {
            return;
        }

        using TorchSharp.DisposeScope scope = NewDisposeScope();
        Tensor filled = golden.Get(name).clone();
        for (int i = 0; i < result.Sequences.Count; i++)
        {
            IReadOnlyList<float[]> own = steps(result.Sequences[i]);
            for (int step = 0; step < own.Count; step++)
            {
                filled[i][step].copy_(tensor(own[step]));
            }
        }

        golden.Compare(name, filled);
    }
}
