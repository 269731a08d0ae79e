using Aperture.Decoding;
using Aperture.Measuring;

namespace Aperture.Requests;

/// <summary>Counts each turn of a conversation for itself, though its request and whom that tells stay the same.</summary>
internal sealed class LiveTrace : IDecoderTrace
{
    /// <summary>The count of the turn that runs.</summary>
    public WorkCounter Turn { get; private set; } = new();

    /// <summary>Begins to count anew.</summary>
    public WorkCounter Begin() => Turn = new WorkCounter();

    /// <inheritdoc />
    public bool WantsCache(int layer) => false;

    /// <inheritdoc />
    public void LayerWork(ILayerContext context, LayerWork work) => Turn.LayerWork(context, work);

    /// <inheritdoc />
    public void MethodMacs(string method, long macs) => Turn.MethodMacs(method, macs);
}
