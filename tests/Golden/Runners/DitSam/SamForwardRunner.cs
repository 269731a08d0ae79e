using System.Text.Json;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Vision;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.DitSam;

/// <summary>A whole SAM on several pictures, each with prompts of its own: blocks, embedding, prompts, masks of both kinds.</summary>
public sealed class SamForwardRunner : IGoldenRunner
{
    private static readonly float[] _mean = [123.675f, 116.28f, 103.53f], _deviation = [58.395f, 57.12f, 57.375f];

    public string Area => "dit-sam";

    public string Kind => "sam_forward";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        using SamModel model = RecordedSam.Sam(golden);
        JsonElement originals = golden.Config.GetProperty("original_size");
        int pictures = originals.GetArrayLength(), side = model.Config.Vision.ImageSize;
        Tensor pixels = cat([.. Enumerable.Range(0, pictures).Select(picture => Padded(golden.Get($"in.image.{picture}"), side))], 0);
        Tensor embeddings = Embed(golden, model, pixels);
        golden.Compare("mid.image_embeddings", embeddings);
        golden.Compare("mid.dense_pe", model.Prompts.Grid((int)embeddings.size(2), (int)embeddings.size(3)));
        long differing = 0;
        for (int picture = 0; picture < pictures; picture++)
        {
            differing += RunPicture(golden, model, embeddings.narrow(0, picture, 1), picture, originals[picture]);
        }

        long allowed = golden.Meta.TryGetProperty("ambiguous_pixels", out JsonElement pixelsAllowed) ? pixelsAllowed.GetInt64() : 0;
        if (differing > allowed)
        {
            throw new XunitException($"{golden.Name}: {differing} mask pixels differ, {allowed} may.");
        }
    }

    private static Tensor Embed(GoldenCase golden, SamModel model, Tensor pixels)
    {
        EmbeddedPicture picture = model.Encoder.Embed(pixels);
        VisionTrunkHooks hooks = new()
        {
            AfterBlock = (context, x) =>
            {
                if (golden.Has($"mid.block_out.{context.Block}"))
                {
                    golden.Compare($"mid.block_out.{context.Block}", x.unflatten(1, [picture.Grid.Rows, picture.Grid.Columns]));
                }

                return null;
            },
        };
        return model.Encoder.Run(picture, new VisionRequest { Hooks = hooks }, [], CancellationToken.None).Embedding;
    }

    private static long RunPicture(GoldenCase golden, SamModel model, Tensor embedding, int picture, JsonElement original)
    {
        int side = model.Config.Vision.ImageSize;
        Tensor image = golden.Get($"in.image.{picture}");
        Frame frame = new(original[1].GetInt32(), original[0].GetInt32(), side, (int)image.size(2), (int)image.size(1), 0, 0);
        Tensor? boxes = Input(golden, $"in.boxes.{picture}"), masks = Input(golden, $"in.mask_inputs.{picture}");
        List<Tensor> sparse = [];
        if (Input(golden, $"in.point_coords.{picture}") is { } points)
        {
            sparse.Add(model.Prompts.Points(points, golden.Get($"in.point_labels.{picture}"), side, pad: boxes is null));
        }

        if (boxes is not null)
        {
            sparse.Add(model.Prompts.Boxes(boxes, side));
        }

        long count = sparse.Count > 0 ? sparse[0].size(0) : masks?.size(0) ?? 1;
        Tensor tokens = sparse.Count > 0 ? cat(sparse, 1) : zeros(count, 0, model.Config.PromptWidth);
        Tensor? dense = masks is null ? null : model.Prompts.Masks(masks);
        CompareIfHeld(golden, $"mid.sparse.{picture}", tokens);
        CompareIfHeld(golden, $"mid.dense.{picture}", dense ?? model.Prompts.NoMask.expand(count, -1, -1, -1));
        long differing = 0;
        foreach ((string name, bool allReadings) in new[] { ("multi", true), ("single", false) })
        {
            DecodedMasks decoded = model.Decode(embedding, tokens, dense, allReadings);
            golden.Compare($"out.{name}.low_res_logits.{picture}", decoded.Logits);
            golden.Compare($"out.{name}.iou_predictions.{picture}", decoded.Scores);
            Tensor inside = SamModel.ToPicture(decoded.Logits, frame).gt(golden.Config.GetProperty("mask_threshold").GetDouble());
            differing += inside.ne(golden.Get($"out.{name}.masks.{picture}").to_type(ScalarType.Bool)).sum().item<long>();
            golden.NotCompared($"out.{name}.masks.{picture}", "counted: so many pixels as the case says may differ");
        }

        return differing;
    }

    private static Tensor? Input(GoldenCase golden, string name) => golden.Has(name) ? golden.Get(name) : null;

    private static void CompareIfHeld(GoldenCase golden, string name, Tensor value)
    {
        if (golden.Has(name))
        {
            golden.Compare(name, value);
        }
    }

    // Normalised, then zeros to the right and below: [3, height, width] -> [1, 3, side, side].
    private static Tensor Padded(Tensor image, int side)
    {
        Tensor normed = image.sub(tensor(_mean, [3, 1, 1])).div(tensor(_deviation, [3, 1, 1]));
        return F.pad(normed, [0, side - image.size(2), 0, side - image.size(1)]).unsqueeze(0);
    }
}
