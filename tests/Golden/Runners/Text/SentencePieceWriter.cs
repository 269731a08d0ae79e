using System.Text;
using System.Text.Json.Nodes;

namespace Aperture.Golden.Tests.Text;

/// <summary>Rebuilds LLaMA's files from pieces and merges: the score of a piece is minus the position of the first merge that yields it.</summary>
internal static class SentencePieceWriter
{
    private const int FirstByte = 3, FirstNormal = 259;

    public static byte[] Write(IReadOnlyList<string> pieces, IReadOnlyList<(string Left, string Right)> merges)
    {
        Dictionary<string, float> scores = new(StringComparer.Ordinal);
        for (int i = 0; i < merges.Count; i++)
        {
            scores.TryAdd(merges[i].Left + merges[i].Right, -i);
        }

        using MemoryStream model = new();
        for (int id = 0; id < pieces.Count; id++)
        {
            using MemoryStream piece = new();
            Bytes(piece, 1, Encoding.UTF8.GetBytes(pieces[id]));
            piece.WriteByte((2 << 3) | 5);
            piece.Write(BitConverter.GetBytes(scores.TryGetValue(pieces[id], out float score) ? score : id < FirstNormal ? 0 : -merges.Count - id));
            Number(piece, 3, id == 0 ? 2u : id < FirstByte ? 3u : id < FirstNormal ? 6u : 1u);
            Bytes(model, 1, piece.ToArray());
        }

        using MemoryStream trainer = new();
        Number(trainer, 3, 2);
        Number(trainer, 35, 1);
        Bytes(model, 2, trainer.ToArray());
        using MemoryStream normalizer = new();
        Bytes(normalizer, 1, "identity"u8.ToArray());
        Number(normalizer, 3, 1);
        Number(normalizer, 4, 0);
        Number(normalizer, 5, 1);
        Bytes(model, 3, normalizer.ToArray());
        return model.ToArray();
    }

    public static string WriteJson(IReadOnlyList<string> pieces, IReadOnlyList<(string Left, string Right)> merges)
    {
        JsonObject vocabulary = new();
        for (int id = 0; id < pieces.Count; id++)
        {
            vocabulary[pieces[id]] = id;
        }

        JsonNode root = JsonNode.Parse("""
            {"added_tokens":[{"id":0,"content":"<unk>","special":true},{"id":1,"content":"<s>","special":true},{"id":2,"content":"</s>","special":true}],
             "normalizer":{"type":"Sequence","normalizers":[{"type":"Prepend","prepend":"▁"},{"type":"Replace","pattern":{"String":" "},"content":"▁"}]},
             "pre_tokenizer":null,
             "post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<s>","type_id":0}},{"Sequence":{"id":"A","type_id":0}}],"special_tokens":{"<s>":{"id":"<s>","ids":[1],"tokens":["<s>"]}}},
             "decoder":{"type":"Sequence","decoders":[{"type":"Replace","pattern":{"String":"▁"},"content":" "},{"type":"ByteFallback"},{"type":"Fuse"},{"type":"Strip","content":" ","start":1,"stop":0}]},
             "model":{"type":"BPE","unk_token":"<unk>","fuse_unk":true,"byte_fallback":true}}
            """)!;
        root["model"]!["vocab"] = vocabulary;
        root["model"]!["merges"] = new JsonArray([.. merges.Select(merge => (JsonNode)$"{merge.Left} {merge.Right}")]);
        return root.ToJsonString();
    }

    private static void Number(Stream stream, int field, uint value)
    {
        Varint(stream, (uint)field << 3);
        Varint(stream, value);
    }

    private static void Bytes(Stream stream, int field, byte[] bytes)
    {
        Varint(stream, ((uint)field << 3) | 2);
        Varint(stream, (uint)bytes.Length);
        stream.Write(bytes);
    }

    private static void Varint(Stream stream, uint value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            stream.WriteByte((byte)(value | 0x80));
        }

        stream.WriteByte((byte)value);
    }
}
