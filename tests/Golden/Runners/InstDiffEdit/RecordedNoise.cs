using Aperture.Plugins.InstDiffEdit;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>The recorded random numbers of a case.</summary>
internal sealed class RecordedNoise(GoldenCase golden) : IEditNoise
{
    public Tensor Encoding(long[] shape) => golden.Get("in.vae_noise").clone();

    public Tensor Start(long[] shape, int samples) => golden.Get("in.noises").clone();

    public (Tensor Start, Tensor Encoding) Painting(long[] shape) => (golden.Get("in.inpaint_noise").clone(), golden.Get("in.inpaint_vae_noise").clone());
}
