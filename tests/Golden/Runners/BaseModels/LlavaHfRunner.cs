using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>LLaVA-1.5 in the Hugging Face layout: tower, projector, decoder states, attention maps, cache, logits of all rows, greedy tokens.</summary>
public sealed class LlavaHfRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "llava_hf";

    public void Run(GoldenCase golden)
    {
        using Model model = RecordedLlava.Open(golden);
        PaddedBatch batch = new(golden);
        Tensor pixels = golden.Get("in.pixel_values");
        CompareTower(golden, model, pixels);

        IReadOnlyList<VisionFeatures> features = RecordedLlava.Encode(model, pixels);
        VisualTokens[] images = [.. features.Select(model.Projector.Project)];
        using (DisposeScope scope = NewDisposeScope())
        {
            golden.Compare("mid.vision.selected", stack([.. features.Select(f => f.Tokens)], 0));
            golden.Compare("mid.projected", stack([.. images.Select(i => i.Rows)], 0));
        }

        PackedPrompt[] sequences = RecordedLlava.Assemble(model, batch.RealIds, images, images[0].Places.Length);
        using Tensor rows = RecordedLlava.Pack(sequences);
        SequenceLayout[] layouts = [.. sequences.Select((s, i) => s.Layout.WithPositions(batch.Layouts[i].Positions))];
        ComparePrompt(golden, model, batch, layouts, rows);

        using (DisposeScope scope = NewDisposeScope())
        {
            Tensor ids = golden.Get("out.generated_ids");
            GenerationResult result = RecordedLlava.Greedy(model, layouts, rows, (int)ids.shape[1]);
            golden.CompareExact("out.generated_ids", RecordedLlava.Ids(result));
            golden.Compare("out.generated_logits", RecordedLlava.Logits(result));
        }

        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(images).Concat(sequences))
        {
            owned.Dispose();
        }
    }

    // The recorded tower shows all its states; the model loads only the blocks it needs.
    private static void CompareTower(GoldenCase golden, Model model, Tensor pixels)
    {
        VisionTransformer tower = ((VisionTransformerEncoder)model.Encoder).Tower;
        int loaded = tower.Weights.Blocks.Count;
        VisionRequest all = new() { HiddenStates = Enumerable.Range(0, loaded + 1).ToHashSet() };
        using VisionRun run = tower.Run(pixels, all, CancellationToken.None);
        foreach ((int layer, VisionState state) in run.States)
        {
            golden.Compare($"mid.vision.hidden_states.{layer}", state.Rows);
        }

        for (int layer = loaded + 1; layer <= tower.Config.Layers; layer++)
        {
            golden.NotCompared($"mid.vision.hidden_states.{layer}", "blocks behind the feature layer are neither loaded nor run");
        }
    }

    private static void ComparePrompt(GoldenCase golden, Model model, PaddedBatch batch, SequenceLayout[] layouts, Tensor rows)
    {
        int layers = model.Decoder.Spec.Layers;
        using RecordingTrace trace = new();
        using RequestContext request = new(model.Decoder.Info, layouts, null, trace, new KvCache(layers, layouts.Length, 0));
        using Tensor logits = RecordedLlava.Prefill(model, layouts, rows, request, out Tensor last);
        using Tensor normed = model.Decoder.FinalNorm(last, (int)last.shape[0]);
        last.Dispose();
        using DisposeScope scope = NewDisposeScope();
        golden.Compare("out.logits", batch.Fill(golden.Get("out.logits"), logits));
        golden.Compare($"mid.hidden_states.{layers}", batch.Fill(golden.Get($"mid.hidden_states.{layers}"), normed));
        for (int layer = 0; layer < layers; layer++)
        {
            golden.Compare($"mid.hidden_states.{layer}", batch.Fill(golden.Get($"mid.hidden_states.{layer}"), trace.Inputs[layer]));
            int current = layer;
            CompareHeads(golden, batch, $"mid.attentions.{layer}", sample => trace.Attentions[(current, sample)]);
            CompareHeads(golden, batch, $"mid.cache.k.{layer}", sample => trace.Caches[(current, sample)].Keys);
            CompareHeads(golden, batch, $"mid.cache.v.{layer}", sample => trace.Caches[(current, sample)].Values);
        }
    }

    private static void CompareHeads(GoldenCase golden, PaddedBatch batch, string name, Func<int, Tensor> ofSample)
    {
        if (!golden.Has(name))
        {
            return;
        }

        Tensor filled = golden.Get(name).clone();
        for (int sample = 0; sample < batch.Samples; sample++)
        {
            batch.FillHeads(filled, sample, ofSample(sample));
        }

        golden.Compare(name, filled);
    }
}
