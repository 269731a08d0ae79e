using System.Buffers.Binary;
using System.Text;
using Aperture.Measuring;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>Builds safetensors files byte by byte, damaged ones included.</summary>
internal static class SafetensorsBytes
{
    public static byte[] Of(string header, params byte[] data)
    {
        byte[] json = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + json.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, json.Length);
        json.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + json.Length);
        return bytes;
    }
}
