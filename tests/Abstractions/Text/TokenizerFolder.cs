using System.Text;
using Aperture.Models;

namespace Aperture.Text.Tests;

/// <summary>A temporary folder of tokenizer files.</summary>
internal sealed class TokenizerFolder : IDisposable
{
    public TokenizerFolder(params (string Name, string Content)[] files)
    {
        Path = Directory.CreateTempSubdirectory("aperture-text-").FullName;
        foreach ((string? name, string? content) in files)
        {
            File.WriteAllText(System.IO.Path.Combine(Path, name), content);
        }
    }

    public string Path { get; }

    /// <summary>A LLaMA-type model: pieces with types, scores falling with the id, byte fallback on request.</summary>
    public TokenizerFolder WithModel(bool byteFallback, params (string Piece, int Type)[] pieces)
    {
        File.WriteAllBytes(System.IO.Path.Combine(Path, "tokenizer.model"), Model(byteFallback, pieces));
        return this;
    }

    public static byte[] Model(bool byteFallback, params (string Piece, int Type)[] pieces)
    {
        using MemoryStream model = new();
        for (int id = 0; id < pieces.Length; id++)
        {
            byte[] text = Encoding.UTF8.GetBytes(pieces[id].Piece);
            Message(model, 1, [(1 << 3) | 2, (byte)text.Length, .. text, (2 << 3) | 5, .. BitConverter.GetBytes((float)-id), 3 << 3, (byte)pieces[id].Type]);
        }

        // Field 35 (byte_fallback) has a two-byte key.
        Message(model, 2, byteFallback ? [3 << 3, 2, 0x98, 0x02, 1] : [3 << 3, 2]);
        Message(model, 3, [3 << 3, 1, 4 << 3, 0, 5 << 3, 1]);
        return model.ToArray();
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private static void Message(Stream stream, int field, byte[] bytes)
    {
        Assert.True(bytes.Length < 128);
        stream.WriteByte((byte)((field << 3) | 2));
        stream.WriteByte((byte)bytes.Length);
        stream.Write(bytes);
    }
}
