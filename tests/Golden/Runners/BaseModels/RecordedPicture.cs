using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Images;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A recorded picture's way to projected tokens, from a configuration that holds decoder, tower and projector apart.</summary>
internal static class RecordedPicture
{
    /// <summary>Pads, resizes, encodes and projects a picture.</summary>
    /// <param name="golden">The case.</param>
    /// <param name="image">Name of the picture, uint8 <c>[height, width, 3]</c>.</param>
    /// <param name="towerPrefix">What stands before the tower's <c>embeddings</c>.</param>
    /// <param name="hiddenSize">Hidden width of the decoder.</param>
    /// <param name="ops">Operations.</param>
    /// <param name="show">Gets <c>pixel_values</c>, <c>vision_features</c> and <c>projected</c>.</param>
    /// <returns>The tokens; the caller disposes them.</returns>
    public static VisualTokens See(GoldenCase golden, string image, string towerPrefix, int hiddenSize, Ops ops, Action<string, Tensor> show)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement config = golden.Config;
        IWeightSource weights = golden.Weights();
        VisionTransformerConfig vision = ClipVision.Parse(config.GetProperty("vision"), "vision");
        int selected = config.Int("mm_vision_select_layer");
        int state = selected < 0 ? vision.Layers + 1 + selected : selected;
        bool classToken = config.GetProperty("mm_vision_select_feature").GetString() == "cls_patch";
        WeightPolicy policy = new(CPU, ScalarType.Float32, ScalarType.Float32);
        using VisionTransformer tower = new(vision, ClipVision.Load(weights, towerPrefix, vision, policy, state, postNorm: false), ops);
        string type = config.GetProperty("mm_projector_type").GetString()!;
        string[] names = type == "linear"
            ? ["model.mm_projector"]
            : [.. Enumerable.Range(0, Projector.LayersOf(type)).Select(i => $"model.mm_projector.{2 * i}")];
        using Projector projector = Projector.Load(weights, names, vision.HiddenSize, hiddenSize, "gelu", bias: true, policy);

        Tensor stored = golden.Get(image);
        Image picture = Image.FromRgb(stored.data<byte>().ToArray(), (int)stored.shape[1], (int)stored.shape[0]);
        ClipImageProcessor processor = new(new ClipImageProcessorConfig
        {
            ShortestEdge = vision.ImageSize,
            CropHeight = vision.ImageSize,
            CropWidth = vision.ImageSize,
            PadToSquare = config.GetProperty("image_aspect_ratio").GetString() == "pad",
        });
        Tensor pixels = processor.Process(picture).unsqueeze(0);
        show("pixel_values", pixels);
        Tensor rows = tower.Run(pixels, VisionRequest.Plain, CancellationToken.None)[state];
        Tensor features = classToken ? rows : rows.narrow(1, 1, rows.shape[1] - 1);
        show("vision_features", features);
        Tensor projected = projector.Run(features);
        show("projected", projected);
        int[] places = [.. Enumerable.Range(classToken ? -1 : 0, (int)projected.shape[1])];
        return new VisualTokens(projected.squeeze(0).contiguous().DetachFromDisposeScope(), new VisualGrid(vision.Grid, vision.Grid), places);
    }
}
