namespace Aperture.Generation;

/// <summary>Divides all logits.</summary>
internal sealed class TemperatureScale(float temperature) : ILogitsProcessor
{
    public void Process(Span<float> logits, ReadOnlySpan<int> ids, int generated)
    {
        foreach (ref float logit in logits)
        {
            logit /= temperature;
        }
    }
}
