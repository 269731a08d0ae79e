using System.Text.Json;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>LLaVA-1.6 in the authors' layout, one prompt at a time, with each way of joining tiles.</summary>
public sealed class LlavaNextOriginalRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "llavanext_original";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using Model model = RecordedLlava.Open(LlavaConfig.Parse(golden.Config, golden.Name), Weights(golden));
        long[] sizes = golden.Get("in.image_sizes_wh").data<long>().ToArray();
        Queue<VisualTokens> images = new();
        for (int image = 0; golden.Has($"in.images.{image}"); image++)
        {
            VisualTokens tokens = RecordedNext.See(model, golden.Get($"in.images.{image}"), (int)sizes[2 * image], (int)sizes[(2 * image) + 1]);
            golden.Compare($"mid.packed.{image}", tokens.Rows);
            images.Enqueue(tokens);
        }

        // A case may hold answers of the first prompts only.
        List<Tensor> generated = golden.Has("out.generated_ids") ? [.. golden.Get("out.generated_ids").unbind(0)] : [];
        for (int prompt = 0; golden.Has($"in.input_ids.{prompt}"); prompt++)
        {
            int[] ids = PaddedBatch.Rows(golden.Get($"in.input_ids.{prompt}"))[0];
            VisualTokens[] own = [.. ids.Where(id => id == model.Packer.ImageToken).Select(_ => images.Dequeue())];
            PackedPrompt packed = RecordedNext.Pack(model, ids, own);
            int current = prompt;
            Tensor logits = RecordedNext.Prefill(
                golden, model, [packed.Layout], packed.Rows, layer
                    => $"mid.hidden_states.{current}.{layer}", (name, rows) => rows.view(golden.Get(name).shape));
            golden.Compare($"out.logits.{prompt}", logits.view(golden.Get($"out.logits.{prompt}").shape));
            if (prompt < generated.Count)
            {
                GenerationResult result = RecordedLlava.Greedy(model, [packed.Layout], packed.Rows, (int)generated[prompt].shape[0]);
                generated[prompt] = RecordedLlava.Ids(result)[0];
            }
        }

        if (generated.Count > 0)
        {
            golden.CompareExact("out.generated_ids", stack(generated, 0));
        }

        Assert.Empty(images);
    }

    // The weights are stored under Hugging Face's names; the case says what the authors call them.
    private static IWeightSource Weights(GoldenCase golden)
    {
        IWeightSource source = golden.Weights();
        if (!golden.Config.TryGetProperty("key_map", out JsonElement map))
        {
            return source;
        }

        Dictionary<string, string> names = map.EnumerateObject().ToDictionary(pair => pair.Value.GetString()!, pair => pair.Name, StringComparer.Ordinal);
        return source.Rename(name => names.GetValueOrDefault(name, name));
    }
}
