using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.FlashSloth;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>The published files of a tiny FlashSloth-HD: every tensor, recognised and opened by the family, and its logits.</summary>
public sealed class TinyCheckpointRunner : IGoldenRunner
{
    private const string Checkpoint = "ckpt_tiny", List = "expected_tensors.json";

    public string Area => "flashsloth";

    public string Kind => "ckpt_tiny_expected";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        ModelFolder folder = new(golden.FileBeside(Checkpoint));
        Assert.Equal(FamilyMatch.Named, new FlashSlothFamily().Recognises(folder));
        using IWeightSource source = WeightFiles.Open(folder.Path);
        CheckpointTensors.Check(folder.Json(List).GetProperty("tensors"), source);

        // The base tower and the base token are constants of the official code, which the case changed.
        FlashSlothConfig config = FlashSlothConfig.Parse(folder.Json(ModelFolder.ConfigFile), ModelFolder.ConfigFile) with
        {
            Vision = SiglipVision.Parse(golden.Config.GetProperty("siglip"), golden.Name),
            BaseToken = golden.Config.GetProperty("dot_token").GetInt32(),
        };
        FlashSlothConfig described = RecordedFlashSloth.ConfigOf(golden);
        Assert.Equal((described.Decoder, described.SelectLayer, described.Hd), (config.Decoder, config.SelectLayer, config.Hd));
        using RecordedFlashSloth recorded = new(golden, config, source);
        Assert.Empty(recorded.Model.Unclaimed);
        IReadOnlyList<VisionFeatures> features = recorded.Encode();
        using FlashSlothReducer method = recorded.Method(recorded.Options());
        RequestPath path = new(recorded.Model, HookTableBuilder.Build(recorded.Model.Decoder.Info, [method]));
        using EnteredRequest entered = recorded.Enter(path, features);
        using ForwardState state = recorded.Model.Decoder.Begin(entered.Request, DecoderPhase.Prefill, entered.Layouts);
        Tensor last = recorded.Model.Decoder.Run(state, entered.TakeRows(), CancellationToken.None), logits = recorded.Model.Decoder.Logits(last, state.Rows);
        long shown = golden.Get("out.logits_last12").size(1);
        golden.Compare("out.logits_last12", logits.narrow(0, logits.size(0) - shown, shown).unsqueeze(0));
    }
}
