using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Layers;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>A modulated convolution of one pixel, which may double the side of its map. Borrows its tensors.</summary>
internal sealed class SynthesisLayer
{
    private readonly FaceSettings _settings;
    private readonly EqualLinear _affine;
    private readonly Tensor _weight, _bias, _magnitude;
    private readonly (Tensor Weight, Tensor Bias)[]? _adapter;

    public SynthesisLayer(WeightLoader loader, string name, int inputs, int outputs, int style, bool enlarges, FaceSettings settings)
    {
        _settings = settings;
        _affine = new EqualLinear(loader.Tensor(name + ".affine.weight", inputs, style), loader.Tensor(name + ".affine.bias", inputs));
        _weight = loader.Tensor(name + ".weight", outputs, inputs, 1, 1);
        _bias = loader.Tensor(name + ".bias", outputs);
        _magnitude = loader.Tensor(name + ".w_avg");
        if (enlarges)
        {
            int inner = outputs / 4;
            _adapter =
            [
                (loader.Tensor(name + ".adapter.0.weight", inner, outputs, 1, 1), loader.Tensor(name + ".adapter.0.bias", inner)),
                (loader.Tensor(name + ".adapter.1.weight", 4 * outputs, inner, 1, 1), loader.Tensor(name + ".adapter.1.bias", 4 * outputs)),
            ];
        }
    }

    /// <summary>The running mean of the input's square, a scalar.</summary>
    public Tensor Magnitude => _magnitude;

    /// <summary>Applies it.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="style"><c>[B, D]</c>; borrowed.</param>
    /// <param name="flat">Whether a layer that enlarges does not, for rays that are pixels of no picture.</param>
    /// <param name="training">Whether the running mean moves.</param>
    /// <returns><c>[B, O, H, W]</c> or twice the sides, in the type of <paramref name="x"/>; the caller disposes it.</returns>
    public Tensor Run(Tensor x, Tensor style, bool flat = false, bool training = false)
    {
        using DisposeScope scope = NewDisposeScope();
        if (training)
        {
            Move(x);
        }

        bool enlarges = _adapter is not null && !flat;

        // The input's gain is in the kernel.
        Tensor kernels = Modulation.Kernels(_weight, _affine.Run(style), demodulate: true).flatten(2).mul(_magnitude.rsqrt()); // [B, O, I]
        if (!enlarges)
        {
            using Tensor y = Pixelwise.Run(x, kernels.to(x.dtype), _bias.to(x.dtype));
            return Activation.Leaky(y.alias(), _settings.Clamp).MoveToOuterDisposeScope();
        }

        using Tensor small = Pixelwise.Run(x, kernels.to(x.dtype), null);
        using Tensor large = Enlarged(small);
        using Tensor smooth = SmoothingFilter.Run(large);
        Tensor offset = _bias.to(x.dtype).view(-1, 1, 1);
        Tensor biased = smooth.requires_grad ? smooth.add(offset) : smooth.add_(offset).alias();
        return Activation.Leaky(biased, _settings.Clamp).MoveToOuterDisposeScope();
    }

    // Each pixel becomes four: itself, and what the adapter adds to each.
    private Tensor Enlarged(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        long outputs = x.size(1), height = x.size(2), width = x.size(3);
        (Tensor weight, Tensor bias) = _adapter![0];
        Tensor inner = Activation.Leaky(Pixelwise.Run(x, Kernel(weight, x.dtype), bias.to(x.dtype)));
        (weight, bias) = _adapter[1];
        using Tensor added = Pixelwise.Run(inner, Kernel(weight, x.dtype), bias.to(x.dtype)); // [B, O / 4, H, W] -> [B, 4 O, H, W]
        using Tensor four = added.view(-1, outputs, 4, height, width);
        using Tensor sums = x.requires_grad || four.requires_grad ? four.add(x.unsqueeze(2)) : four.add_(x.unsqueeze(2)).alias();
        return F.pixel_shuffle(sums.view(-1, 4 * outputs, height, width), 2).MoveToOuterDisposeScope(); // -> [B, O, 2 H, 2 W]
    }

    private static Tensor Kernel(Tensor weight, ScalarType type)
        => weight.flatten(1).mul(1 / Math.Sqrt(weight.size(1))).unsqueeze(0).to(type); // [O, I, 1, 1] -> [1, O, I]

    private void Move(Tensor x)
    {
        using IDisposable quiet = no_grad();
        using Tensor wide = x.to(ScalarType.Float32);
        Tensor now = wide.square().mean();
        _magnitude.copy_(now.lerp(_magnitude, _settings.MagnitudeDecay));
    }
}
