using Aperture.Text;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Stable Diffusion's text encoder: causal, padding seen.</summary>
public sealed class ClipTextRunner : IGoldenRunner
{
    public string Area => DiffusionCase.AreaName;

    public string Kind => "clip_text";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = no_grad();
        using ClipTextEncoder encoder = ClipTextEncoder.Load(golden.Weights(), ClipTextConfig.Parse(golden.Config, golden.Name), DiffusionCase.Policy);
        Tensor ids = golden.Get("in.ids");
        Tensor rows = encoder.Run(ids, trace: (layer, value) =>
        {
            string name = $"mid.hidden.{layer}";
            if (golden.Has(name))
            {
                golden.Compare(name, value.narrow(1, 0, golden.Get(name).size(1)));
            }
        });
        golden.Compare("out.last_hidden_state", rows);
        golden.Compare("out.pooled", encoder.Pool(ids, rows));
    }
}
