using System.Text.Json;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>Raw SentencePiece models: ids, pieces and decoded text.</summary>
public sealed class TinySentencePieceRunner : IGoldenRunner
{
    public string Area => "text";

    public string Kind => "tiny_sentencepiece";

    public void Run(GoldenCase golden)
    {
        TextFailures failures = new();
        foreach (JsonProperty named in golden.Meta.GetProperty("models").EnumerateObject())
        {
            SentencePieceModel model = SentencePieceModel.Load(golden.FileBeside(named.Value.GetString()!));
            foreach (JsonElement item in golden.Meta.GetProperty("cases").GetProperty(named.Name).EnumerateArray())
            {
                string text = item.GetProperty("text").GetString()!;
                int[] ids = TextFailures.Ids(item.GetProperty("ids"));
                int[] actual = model.Encode(text);
                failures.SameIds($"{named.Name}: ids of '{text}'", ids, actual);
                failures.Equal($"{named.Name}: decode of '{text}'", item.GetProperty("decode").GetString(), model.Decode(ids));
                List<string> pieces = item.GetProperty("pieces").EnumerateArray().Select(piece => piece.GetString()!).ToList();
                for (int i = 0; i < Math.Min(ids.Length, pieces.Count); i++)
                {
                    // The library reports an unknown piece by its surface.
                    if (ids[i] != model.UnknownId)
                    {
                        failures.Equal($"{named.Name}: piece {i} of '{text}'", pieces[i], model.PieceOf(ids[i]));
                    }
                }
            }
        }

        failures.Check();
    }
}
