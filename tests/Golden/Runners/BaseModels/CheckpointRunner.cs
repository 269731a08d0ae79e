using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Llava;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.BaseModels;

/// <summary>A checkpoint folder in a published layout: every tensor by name, shape, stored type and sums, and the logits of the model opened from it.</summary>
public sealed class CheckpointRunner : IGoldenRunner
{
    private const double SumTolerance = 1e-9;

    public string Area => "base-models";

    public string Kind => "checkpoint";

    public void Run(GoldenCase golden)
    {
        string folder = golden.FileBeside(golden.Config.GetProperty("folder").GetString()!);
        string? tower = golden.Config.TryGetProperty("tower_folder", out JsonElement value) ? golden.FileBeside(value.GetString()!) : null;
        CompareTensors(folder, golden.Config.GetProperty("tensors"));
        if (tower is not null && golden.Config.TryGetProperty("tower_tensors", out JsonElement towerTensors))
        {
            CompareTensors(tower, towerTensors);
        }

        using (Model model = RecordedLlava.OpenFolder(folder, tower))
        {
            using Tensor logits = Logits(golden, model);
            golden.Compare("out.logits", logits);
        }

        // The configuration as the newest library writes it must describe the same model.
        string newer = Path.Combine(folder, "config.transformers5.json");
        if (File.Exists(newer))
        {
            using JsonDocument old = JsonDocument.Parse(
                File.ReadAllBytes(Path.Combine(folder, "config.json"))), next = JsonDocument.Parse(File.ReadAllBytes(newer));
            LlavaConfig a = LlavaConfig.Parse(old.RootElement, "config.json"), b = LlavaConfig.Parse(next.RootElement, newer);
            Assert.Equal(a.Decoder, b.Decoder);
            Assert.Equal(a.Vision, b.Vision);
            Assert.Equal(a.FeatureLayers, b.FeatureLayers);
        }
    }

    private static Tensor Logits(GoldenCase golden, Model model)
    {
        using DisposeScope scope = NewDisposeScope();
        int[][] prompts = PaddedBatch.Rows(golden.Get("in.input_ids"));
        IReadOnlyList<VisionFeatures> features = RecordedLlava.Encode(model, golden.Get(golden.Has("in.images") ? "in.images" : "in.pixel_values"));
        VisualTokens[] images = [.. features.Select(model.Projector.Project)];
        int placeholders = golden.Has("in.pixel_values") ? images[0].Count : 1;
        PackedPrompt[] sequences = RecordedLlava.Assemble(model, prompts, images, placeholders);
        SequenceLayout[] layouts = [.. sequences.Select(s => s.Layout)];
        using RequestContext request = new(model.Decoder.Info, layouts, null, null, null);
        Tensor logits = RecordedLlava.Prefill(model, layouts, RecordedLlava.Pack(sequences), request, out _)
            .view(golden.Get("out.logits").shape)
            .MoveToOuterDisposeScope();
        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(images).Concat(sequences))
        {
            owned.Dispose();
        }

        return logits;
    }

    private static void CompareTensors(string folder, JsonElement expected)
    {
        using IWeightSource source = WeightFiles.Open(folder);
        Assert.Equal(expected.EnumerateObject().Select(p => p.Name).Order(StringComparer.Ordinal), source.Names.Order(StringComparer.Ordinal));
        foreach (JsonProperty entry in expected.EnumerateObject())
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor values = source.Load(entry.Name);
            Assert.Equal(entry.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64()), values.shape);
            Assert.Equal(entry.Value.GetProperty("dtype").GetString(), values.dtype.ToString().ToLowerInvariant());
            Tensor wide = values.to_type(ScalarType.Float64).flatten();
            Near(entry, "sum", wide.sum().item<double>());
            Near(entry, "abs_sum", wide.abs().sum().item<double>());
            Near(entry, "first", wide[0].item<double>());
            Near(entry, "last", wide[-1].item<double>());
        }
    }

    private static void Near(JsonProperty entry, string key, double actual)
    {
        double expected = entry.Value.GetProperty(key).GetDouble();
        Assert.True(
            Math.Abs(actual - expected) <= SumTolerance * Math.Max(1, Math.Abs(expected)), $"{entry.Name}: {key} is {actual} but was recorded as {expected}");
    }
}
