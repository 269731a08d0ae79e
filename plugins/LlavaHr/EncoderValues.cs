using Aperture.Decoding;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr;

/// <summary>Tells a listener the named values of a batch of pictures, each picture's to itself.</summary>
/// <param name="trace">The listener.</param>
/// <param name="pictures">What each entry of the batch shows.</param>
/// <param name="prefix">What stands before the names.</param>
internal sealed class EncoderValues(IDecoderTrace trace, IReadOnlyList<PictureTile> pictures, string prefix = EncoderValues.Root)
{
    /// <summary>What all names begin with.</summary>
    public const string Root = LlavaHrFactory.EncoderName + ".";

    /// <summary>Who listens to a request; null for nobody.</summary>
    /// <param name="request">The request.</param>
    /// <param name="pictures">Entries of the batch.</param>
    public static EncoderValues? Of(VisionRequest request, int pictures)
        => request.Request?.Trace is { } trace
            ? new EncoderValues(trace, request.Pictures ?? [.. Enumerable.Range(0, pictures).Select(picture => new PictureTile(picture, 0))])
            : null;

    /// <summary>The same listener for a part, whose name goes before those of its values.</summary>
    /// <param name="part">The part.</param>
    public EncoderValues Of(string part) => new(trace, pictures, $"{prefix}{part}.");

    /// <summary>Tells a value, if it is wanted.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="value">Computes it, <c>[batch, …]</c>, within a scope that disposes it.</param>
    public void Tell(string name, Func<Tensor> value)
    {
        if (!trace.WantsPictureValue(prefix + name))
        {
            return;
        }

        Tensor all = value();
        for (int i = 0; i < pictures.Count; i++)
        {
            using Tensor own = all.select(0, i); // [B, …] -> […]
            trace.PictureValue(pictures[i], prefix + name, own);
        }
    }
}
