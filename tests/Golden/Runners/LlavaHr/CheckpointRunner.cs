using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>
/// The published layout: every tensor of the shards and of the first stage's file, and the model opened from the folder. Sizes of CLIP's heads, which a folder
/// does not tell where they are not the usual ones, come from a configuration of the tower beside it.
/// </summary>
public sealed class CheckpointRunner : IGoldenRunner
{
    private const string Folder = "ckpt_tiny", FirstStage = "mm_projector.bin";

    public string Area => "llava-hr";

    public string Kind => "ckpt_tiny_expected";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        string folder = golden.FileBeside(Folder), tower = Directory.CreateTempSubdirectory("aperture-hr").FullName;
        try
        {
            CompareTensors(folder);
            File.WriteAllText(Path.Combine(tower, "config.json"), golden.Config.GetProperty("clip").GetRawText());
            using Model model = RecordedLlava.OpenFolder(folder, tower);
            Assert.Empty(model.Unclaimed);
            Compare(golden, model);
        }
        finally
        {
            Directory.Delete(tower, recursive: true);
        }
    }

    private static void CompareTensors(string folder)
    {
        using JsonDocument expected = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "expected_tensors.json")));
        using IWeightSource all = WeightFiles.Open(folder), first = WeightFiles.Open(Path.Combine(folder, FirstStage));
        CheckpointTensors.Check(expected.RootElement.GetProperty("tensors"), all);
        CheckpointTensors.Check(expected.RootElement.GetProperty("mm_projector_bin"), first);
    }

    private static void Compare(GoldenCase golden, Model model)
    {
        IReadOnlyList<VisionFeatures> features = RecordedHr.Encoder(model).EncodePixels(
            RecordedHr.Pixels(golden), null, VisionRequest.Plain, CancellationToken.None);
        VisualTokens[] images = [.. features.Select(model.Projector.Project)];
        golden.Compare("mid.projected", stack([.. images.Select(own => own.Rows)], 0));
        PackedPrompt[] sequences = RecordedLlava.Assemble(model, PaddedBatch.Rows(golden.Get("in.input_ids")), images, 1);
        SequenceLayout[] layouts = [.. sequences.Select(sequence => sequence.Layout)];
        using RequestContext request = new(model.Decoder.Info, layouts, null, null, null);
        Tensor logits = RecordedLlava.Prefill(model, layouts, RecordedLlava.Pack(sequences), request, out _).view(layouts.Length, layouts[0].Count, -1);
        long last = golden.Get("out.logits_last8").size(1);
        golden.Compare("out.logits_last8", logits.narrow(1, logits.size(1) - last, last));
        foreach (IDisposable owned in features.Cast<IDisposable>().Concat(images).Concat(sequences))
        {
            owned.Dispose();
        }
    }
}
