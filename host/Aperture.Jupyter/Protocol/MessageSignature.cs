using System.Security.Cryptography;
using System.Text;

namespace Aperture.Jupyter;

/// <summary>
/// Signs messages: HMAC-SHA256 over header, parent header, metadata and content, in lower-case hexadecimal. An empty key signs nothing and accepts everything.
/// </summary>
/// <param name="key">The connection's key.</param>
internal sealed class MessageSignature(byte[] key)
{
    /// <summary>Whether messages are signed.</summary>
    public bool Signs => key.Length > 0;

    /// <summary>The signature of four frames.</summary>
    public byte[] Sign(IEnumerable<byte[]> frames)
    {
        if (key.Length == 0)
        {
            return [];
        }

        using IncrementalHash hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        foreach (byte[] frame in frames)
        {
            hash.AppendData(frame);
        }

        return Encoding.ASCII.GetBytes(Convert.ToHexStringLower(hash.GetHashAndReset()));
    }

    /// <summary>Whether a signature is right; takes the same time wherever it differs.</summary>
    public bool Verify(byte[] signature, IEnumerable<byte[]> frames) => key.Length == 0 || CryptographicOperations.FixedTimeEquals(signature, Sign(frames));
}
