using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>
/// LLaVA-1.6 in the Hugging Face layout: tiles to packed rows, states, logits of all rows, greedy tokens; a batch that is padded on the left.
/// </summary>
public sealed class LlavaNextRunner : IGoldenRunner
{
    public string Area => "base-models";

    public string Kind => "llavanext";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using Model model = RecordedLlava.Open(golden);
        PaddedBatch batch = new(golden);
        long[] tiles = golden.Get("in.num_tiles").data<long>().ToArray();
        long[] sizes = golden.Get("in.image_sizes_hw").data<long>().ToArray();
        Tensor pixels = golden.Get("in.pixel_values");
        Queue<VisualTokens> images = new();
        for (int image = 0; image < tiles.Length; image++)
        {
            // The recorded batch pads the tiles with zeros.
            Tensor own = pixels[image].narrow(0, 0, tiles[image]);
            VisualTokens tokens = RecordedNext.See(model, own, (int)sizes[(2 * image) + 1], (int)sizes[2 * image]);
            golden.Compare($"mid.packed.{image}", tokens.Rows);
            images.Enqueue(tokens);
        }

        PackedPrompt[] prompts = [.. batch.RealIds.Select(ids =>
        {
            List<VisualTokens> own = [];
            return RecordedNext.Pack(model, RecordedNext.Collapse(ids, model.Packer.ImageToken, images, own), own);
        })];
        Assert.Empty(images);
        Tensor rows = RecordedLlava.Pack(prompts);
        SequenceLayout[] layouts = [.. prompts.Select((prompt, i) => prompt.Layout.WithPositions(batch.Layouts[i].Positions))];
        Tensor Placed(string name, Tensor packed) => batch.Fill(golden.Get(name), packed);
        Tensor logits = RecordedNext.Prefill(golden, model, layouts, rows, layer => $"mid.hidden_states.{layer}", Placed);
        golden.Compare("out.logits", Placed("out.logits", logits));
        GenerationResult result = RecordedLlava.Greedy(model, layouts, rows, (int)golden.Get("out.generated_ids").shape[1]);
        golden.CompareExact("out.generated_ids", RecordedLlava.Ids(result));
    }
}
