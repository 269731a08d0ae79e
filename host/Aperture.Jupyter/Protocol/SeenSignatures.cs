namespace Aperture.Jupyter;

/// <summary>
/// The signatures of messages that came in, so that one which comes a second time is known for what it is: every message has an id of its own, and so a
/// signature of its own. Keeps the last 65536, as the protocol's reference client does. Safe for several threads.
/// </summary>
internal sealed class SeenSignatures
{
    private const int Most = 1 << 16;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private readonly Queue<string> _order = [];

    /// <summary>Keeps a signature.</summary>
    /// <param name="signature">The signature of a message that has been verified.</param>
    /// <returns>Whether it is new.</returns>
    public bool Add(byte[] signature)
    {
        string text = Convert.ToHexString(signature);
        lock (_known)
        {
            if (!_known.Add(text))
            {
                return false;
            }

            _order.Enqueue(text);
            if (_order.Count > Most)
            {
                _known.Remove(_order.Dequeue());
            }

            return true;
        }
    }
}
