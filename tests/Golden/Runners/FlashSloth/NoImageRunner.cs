using Aperture.Decoding;
using Aperture.Plugins.FlashSloth;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>No picture: the queries' placeholder is a word like others, and the decoder a plain Phi.</summary>
public sealed class NoImageRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "fs_no_image";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        using RecordedFlashSloth recorded = new(golden);
        using FlashSlothReducer method = recorded.Method(recorded.Options());
        FlashTrace trace = new();
        RequestPath path = new(recorded.Model, HookTableBuilder.Build(recorded.Model.Decoder.Info, [method]));
        using EnteredRequest entered = recorded.Enter(path, [], trace, cache: 0);
        Tensor rows = entered.TakeRows();
        using ForwardState state = recorded.Model.Decoder.Begin(entered.Request, DecoderPhase.Prefill, entered.Layouts);
        Tensor last = recorded.Model.Decoder.Run(state, rows.clone(), CancellationToken.None);
        int layers = recorded.Model.Decoder.Spec.Layers;
        for (int layer = 0; layer < layers; layer++)
        {
            golden.Compare($"mid.hidden{layer}", trace.Inputs[layer].unsqueeze(0));
            foreach ((string name, Tensor value) in new[] { ("key", trace.Caches[(layer, 0)].Keys), ("value", trace.Caches[(layer, 0)].Values) })
            {
                if (golden.Has($"mid.layer{layer}.{name}"))
                {
                    golden.Compare($"mid.layer{layer}.{name}", value.unsqueeze(0));
                }
            }
        }

        golden.Compare($"mid.hidden{layers}", recorded.Model.Decoder.FinalNorm(last, (int)last.size(0)).unsqueeze(0));
        golden.Compare("out.logits", recorded.Model.Decoder.Logits(last, state.Rows).unsqueeze(0));
    }
}
