using Aperture.Golden.Tests.InstDiffEdit;
using Aperture.Text;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Text;

/// <summary>CLIP's text encoder with its projection; the pooled row is that of the highest id.</summary>
public class ClipTextLegacyRunner : IGoldenRunner
{
    public string Area => "text";

    public virtual string Kind => "clip_text_legacy_argmax";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = no_grad();
        using ClipTextEncoder encoder = ClipTextEncoder.Load(golden.Weights(), ClipTextConfig.Parse(golden.Config, golden.Name), DiffusionCase.Policy);
        Tensor ids = golden.Get("in.input_ids");
        Tensor rows = encoder.Run(ids, trace: (layer, value) => golden.Compare($"mid.hidden.{layer}", value));
        golden.Compare("out.last_hidden_state", rows);
        Tensor pooled = encoder.Pool(ids, rows);
        golden.Compare("mid.pooled", pooled);
        golden.Compare("out.text_embeds", encoder.Project(pooled));

        Tensor masked = encoder.Run(ids, golden.Get("in.attention_mask"));
        golden.Compare("out.masked.last_hidden_state", masked);
        golden.Compare("out.masked.text_embeds", encoder.Project(encoder.Pool(ids, masked)));
    }
}

/// <summary>The same; the pooled row is the first of the end token.</summary>
public sealed class ClipTextEndFirstRunner : ClipTextLegacyRunner
{
    public override string Kind => "clip_text_eos_first";
}
