using System.Globalization;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>
/// Running counts of how often each layer's gate was right (spec section 4.5): a decayed sum, so that the end of a training counts more than its beginning. The
/// counts are one tensor, which the host saves with a checkpoint.
/// </summary>
internal sealed class GateScores : IDisposable
{
    private const float Decay = 0.98f; // per draw of a layer: about its last fifty draws count

    private readonly int _layers;

    public GateScores(int layers)
    {
        _layers = layers;
        Counts = zeros([layers, 4], dtype: ScalarType.Float32).DetachFromDisposeScope();
    }

    /// <summary>float32 <c>[layers, 4]</c>: keeps, keeps that were right, exits, exits that were right.</summary>
    public Tensor Counts { get; }

    /// <summary>Counts the answers of a layer's gate on a batch.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="fired">What the gate said.</param>
    /// <param name="exits">What it ought to have said.</param>
    public void Add(int layer, IReadOnlyList<bool> fired, IReadOnlyList<bool> exits)
    {
        float[] more = new float[4];
        for (int sample = 0; sample < fired.Count; sample++)
        {
            int group = exits[sample] ? 2 : 0;
            more[group]++;
            more[group + 1] += fired[sample] == exits[sample] ? 1 : 0;
        }

        using Tensor row = Counts[layer], added = tensor(more);
        row.mul_(Decay).add_(added);
    }

    /// <summary>One line a layer.</summary>
    public IReadOnlyList<string> Lines()
    {
        float[] counts = Counts.data<float>().ToArray();
        return [.. Enumerable.Range(0, _layers).Select(layer =>
        {
            ReadOnlySpan<float> own = counts.AsSpan(4 * layer, 4);
            float all = own[0] + own[2];
            return all == 0
                ? $"gate {layer}: never drawn"
                : $"gate {layer}: exit is right for {Percent(own[2], all)} of the samples; the gate says so for {Percent(own[3], own[2])} of them and keeps "
                    + $"{Percent(own[1], own[0])} of the others";
        })];
    }

    public void Dispose() => Counts.Dispose();

    private static string Percent(float part, float whole) => whole == 0 ? "none" : string.Create(CultureInfo.InvariantCulture, $"{100 * part / whole:0} %");
}
