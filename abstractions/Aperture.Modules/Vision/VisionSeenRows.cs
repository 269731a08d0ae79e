using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>
/// What one block's attention sees beside its own rows: keys and values of rows that ask nothing themselves, such as those of a sentence. In windows every
/// window sees them. Owns its tensors.
/// </summary>
/// <param name="Keys"><c>[1 or batch, heads, L, head]</c>.</param>
/// <param name="Values">The same shape.</param>
public sealed record VisionSeenRows(Tensor Keys, Tensor Values) : IDisposable
{
    /// <summary>Number of rows.</summary>
    public int Count => (int)Keys.size(2);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Keys.Dispose();
        Values.Dispose();
    }

    /// <summary>Keys and values in front of others of a batch.</summary>
    /// <param name="keys"><c>[batch, heads, N, head]</c>; borrowed.</param>
    /// <param name="values">The same shape; borrowed.</param>
    /// <param name="windows">How many entries of the batch each entry of these rows belongs to, one after the other.</param>
    /// <returns><c>[batch, heads, L + N, head]</c> each, in the caller's scope.</returns>
    internal (Tensor Keys, Tensor Values) Before(Tensor keys, Tensor values, int windows = 1)
    {
        Tensor Joined(Tensor mine, Tensor others)
        {
            long batch = others.size(0) / windows;
            Tensor each = mine.expand(batch, -1, -1, -1); // [1 or B, heads, L, head] -> [B, heads, L, head]
            each = windows == 1 ? each : each.unsqueeze(1).expand(-1, windows, -1, -1, -1).flatten(0, 1); // -> [B * windows, heads, L, head]
            return cat([each, others], 2);
        }

        return (Joined(Keys, keys), Joined(Values, values));
    }
}
