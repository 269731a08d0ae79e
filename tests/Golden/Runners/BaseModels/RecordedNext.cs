using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>What recorded LLaVA-1.6 models have in common: pictures from tiles to packed rows, prompts with them, states and logits.</summary>
internal static class RecordedNext
{
    /// <summary>The visual tokens of a picture from the pixels of its tiles; the caller disposes them.</summary>
    /// <param name="model">The model.</param>
    /// <param name="tiles">Pixel values <c>[1 + tiles, 3, side, side]</c>; borrowed.</param>
    /// <param name="width">Width of the picture.</param>
    /// <param name="height">Height of the picture.</param>
    public static VisualTokens See(Model model, Tensor tiles, int width, int height)
    {
        using VisionInput input = new(new Dictionary<string, Tensor> { [VisionTransformerEncoder.Pixels] = tiles.alias() }, width, height);
        using VisionFeatures features = model.Encoder.Encode([input], VisionRequest.Plain, CancellationToken.None)[0];
        return model.Projector.Project(features);
    }

    /// <summary>A prompt packed by the model's own packer; the caller disposes it.</summary>
    public static PackedPrompt Pack(Model model, IReadOnlyList<int> ids, IReadOnlyList<VisualTokens> images)
        => model.Packer.Pack(new PackInput(ids, images, text => model.Decoder.Embed(text), model.Projector));

    /// <summary>Ids in which a picture stands as often as it has tokens, with one placeholder a picture instead.</summary>
    public static int[] Collapse(IReadOnlyList<int> ids, int imageToken, Queue<VisualTokens> images, List<VisualTokens> own)
    {
        List<int> collapsed = [];
        for (int i = 0; i < ids.Count; i++)
        {
            collapsed.Add(ids[i]);
            if (ids[i] == imageToken)
            {
                VisualTokens image = images.Dequeue();
                own.Add(image);
                int last = i + image.Count - 1;
                Assert.All(Enumerable.Range(i, image.Count), at => Assert.Equal(imageToken, ids[at]));
                i = last;
            }
        }

        return [.. collapsed];
    }

    /// <summary>Compares the states that a case records, and gives the logits of all rows.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="model">The model.</param>
    /// <param name="layouts">The sequences.</param>
    /// <param name="rows">Their rows, packed; borrowed.</param>
    /// <param name="state">The recorded name of a layer's input; that of the last layer's output behind the final norm.</param>
    /// <param name="placed">Puts packed rows where the recording has them.</param>
    public static Tensor Prefill(
        GoldenCase golden, Model model, IReadOnlyList<SequenceLayout> layouts, Tensor rows, Func<int, string> state, Func<string, Tensor, Tensor> placed)
    {
        int layers = model.Decoder.Spec.Layers;
        using RecordingTrace trace = new();
        using RequestContext request = new(model.Decoder.Info, layouts, null, trace, new KvCache(layers, layouts.Count, 0));
        Tensor logits = RecordedLlava.Prefill(model, layouts, rows, request, out Tensor last);
        for (int layer = 0; layer <= layers; layer++)
        {
            string name = state(layer);
            if (golden.Has(name))
            {
                Tensor own = layer < layers ? trace.Inputs[layer] : model.Decoder.FinalNorm(last, (int)last.shape[0]);
                golden.Compare(name, placed(name, own));
            }
        }

        return logits;
    }
}
