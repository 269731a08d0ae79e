using Aperture.Decoding;
using Aperture.Plugins.E3FaceNet.Model;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Synthesis;

/// <summary>Doubles a map's side: two modulated convolutions, and colours where they are wanted. Borrows its tensors.</summary>
internal sealed class UpsamplingBlock
{
    private readonly SynthesisLayer _first, _second;
    private readonly ColourLayer _colours;

    public UpsamplingBlock(WeightLoader loader, FaceConfig config, int index)
    {
        Resolution = config.Resolutions[index];
        Outputs = config.Channels[index];
        Inputs = index == 0 ? config.Features : config.Channels[index - 1];
        string name = $"synthesis.b{Resolution}";
        _first = new SynthesisLayer(loader, name + ".conv0", Inputs, Outputs, config.Style, enlarges: true, config.Settings);
        _second = new SynthesisLayer(loader, name + ".conv1", Outputs, Outputs, config.Style, enlarges: false, config.Settings);
        _colours = new ColourLayer(loader, name + ".torgb", Outputs, config.Style, config.Settings);
        Enhancer = config.Text > 0 ? new StyleEnhancer(loader, name, Inputs, Resolution / 2, config) : null;
    }

    /// <summary>Side of the map behind it.</summary>
    public int Resolution { get; }

    /// <summary>Channels before it.</summary>
    public int Inputs { get; }

    /// <summary>Channels behind it.</summary>
    public int Outputs { get; }

    /// <summary>Turns a sentence into an offset of its styles; null in a generator without text.</summary>
    public StyleEnhancer? Enhancer { get; }

    /// <summary>The convolution that enlarges.</summary>
    public SynthesisLayer First => _first;

    /// <summary>The one behind it.</summary>
    public SynthesisLayer Second => _second;

    /// <summary>The colours.</summary>
    public ColourLayer Colours => _colours;

    /// <summary>Applies it.</summary>
    /// <param name="x"><c>[B, I, H, W]</c>; borrowed.</param>
    /// <param name="styles">Those of the two convolutions and of the colours, <c>[B, 3, D]</c>; borrowed.</param>
    /// <param name="coloured">Whether colours are wanted.</param>
    /// <param name="flat">Whether the side stays, for rays that are pixels of no picture.</param>
    /// <param name="training">Whether running means move.</param>
    /// <returns><c>[B, O, 2 H, 2 W]</c>, and float32 <c>[B, 3, 2 H, 2 W]</c> or null; the caller disposes them.</returns>
    public (Tensor X, Tensor? Colours) Run(Tensor x, Tensor styles, bool coloured, bool flat = false, bool training = false)
    {
        using DisposeScope scope = NewDisposeScope();
        using Tensor middle = _first.Run(x, styles.select(1, 0), flat, training);
        Tensor y = _second.Run(middle, styles.select(1, 1), training: training);
        Tensor? colours = coloured ? _colours.Run(y, styles.select(1, 2)) : null;
        return (y.MoveToOuterDisposeScope(), colours?.MoveToOuterDisposeScope());
    }
}
