using Aperture.Decoding;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Notes which gates were asked and where samples exited.</summary>
internal sealed class ExitLog : IDecoderTrace
{
    /// <summary>Layer and sample of every evaluation, in order.</summary>
    public List<(int Layer, int Sample)> Asked { get; } = [];

    /// <summary>The layer after which a sample's visual rows went.</summary>
    public Dictionary<int, int> Exits { get; } = [];

    public Dictionary<(int Layer, int Sample), float[]> Logits { get; } = [];

    public Dictionary<(int Layer, int Sample), float[]> Features { get; } = [];

    public long Macs { get; private set; }

    public void Value(ILayerContext context, int sample, string name, Tensor value)
    {
        switch (name)
        {
            case "dyvte.logits":
                Asked.Add((context.Layer, sample));
                Logits[(context.Layer, sample)] = value.data<float>().ToArray();
                break;
            case "dyvte.feature":
                using (Tensor copy = value.clone())
                {
                    Features[(context.Layer, sample)] = copy.data<float>().ToArray();
                }

                break;
            case "dyvte.exit":
                Exits[sample] = (int)value.item<long>();
                break;
        }
    }

    public void MethodMacs(string method, long macs) => Macs += macs;
}
