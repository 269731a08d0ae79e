using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>LLaVA-1.5 in the authors' layout, with one placeholder an image.</summary>
public sealed class LlavaOriginalRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "llava_original";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using Model model = RecordedLlava.Open(golden);
        int[][] prompts = PaddedBatch.Rows(golden.Get("in.input_ids"));
        IReadOnlyList<VisionFeatures> features = RecordedLlava.Encode(model, golden.Get("in.images"));
        VisualTokens[] images = [.. features.Select(model.Projector.Project)];
        golden.Compare("mid.image_features", stack([.. images.Select(i => i.Rows)], 0));
        PackedPrompt[] sequences = RecordedLlava.Assemble(model, prompts, images, 1);
        Tensor rows = RecordedLlava.Pack(sequences);
        SequenceLayout[] layouts = [.. sequences.Select(s => s.Layout)];

        int layers = model.Decoder.Spec.Layers;
        using RecordingTrace trace = new();
        using RequestContext request = new(model.Decoder.Info, layouts, null, trace, new KvCache(layers, layouts.Length, 0));
        Tensor logits = RecordedLlava.Prefill(model, layouts, rows, request, out Tensor last);
        golden.Compare("out.logits", logits.view(golden.Get("out.logits").shape));
        for (int layer = 0; layer < layers; layer++)
        {
            golden.Compare($"mid.hidden_states.{layer}", trace.Inputs[layer].view(golden.Get($"mid.hidden_states.{layer}").shape));
        }

        golden.Compare($"mid.hidden_states.{layers}", model.Decoder.FinalNorm(last, (int)last.shape[0]).view(golden.Get($"mid.hidden_states.{layers}").shape));

        Tensor ids = golden.Get("out.generated_ids");
        GenerationResult result = RecordedLlava.Greedy(model, layouts, rows, (int)ids.shape[1]);
        Tensor generated = RecordedLlava.Ids(result);
        golden.CompareExact("out.generated_ids", generated);
        if (golden.Has("out.generated_ids_returned"))
        {
            Tensor begin = full([prompts.Length, 1], golden.Config.GetProperty("bos_token_id").GetInt64(), dtype: ScalarType.Int64);
            golden.CompareExact("out.generated_ids_returned", cat([begin, generated], 1));
        }

        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(images).Concat(sequences))
        {
            owned.Dispose();
        }
    }
}
