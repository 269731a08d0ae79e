using Aperture.Diffusion;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Mean, variance and a sample of pictures' latents, and pictures of latents.</summary>
public sealed class AutoencoderRunner : IGoldenRunner
{
    public string Area => DiffusionCase.AreaName;

    public string Kind => "vae";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = no_grad();
        using Autoencoder autoencoder = Autoencoder.Load(golden.Weights(), AutoencoderConfig.Parse(golden.Config, golden.Name), DiffusionCase.Policy);
        (Tensor mean, Tensor variance) = autoencoder.Encode(golden.Get("in.image"), DiffusionCase.Compared(golden));
        golden.Compare("out.mean", mean);
        golden.Compare("out.logvar", variance);
        golden.Compare("out.sample", Autoencoder.Sample(mean, variance, golden.Get("in.noise")));
        golden.Compare("out.decoded", autoencoder.Decode(golden.Get("in.latent"), DiffusionCase.Compared(golden)));

        Tensor scaled = autoencoder.Latents(golden.Get("in.image"), golden.Get("in.noise"));
        golden.Compare("out.sample", scaled.div(autoencoder.Config.Scale));
    }
}
