using System.Text.Json;
using Aperture.Files;

namespace Aperture.Text;

/// <summary>
/// Reads captions by picture from JSON: MS-COCO's results (a list of objects with <c>image_id</c> and <c>caption</c>) and annotations (the same under
/// <c>annotations</c>), or an object from ids to one sentence or a list of them.
/// </summary>
public static class CaptionFile
{
    private const long LargestFile = 1L << 30;
    private const string Shapes = """[{"image_id": 1, "caption": "…"}], {"annotations": [...]} or {"1": ["…"]}""";

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>Id by id, in the file's order, its sentences.</returns>
    /// <exception cref="ApertureException">The file is missing, no JSON, or of another shape.</exception>
    public static IReadOnlyList<KeyValuePair<string, IReadOnlyList<string>>> Read(string path)
    {
        if (!Path.Exists(path))
        {
            throw new ApertureException($"There is no file '{path}'; give captions as JSON: {Shapes}.");
        }

        try
        {
            using JsonDocument json = JsonText.Parse(InputFile.Bytes(path, LargestFile));
            OrderedDictionary<string, List<string>> found = new(StringComparer.Ordinal);
            foreach ((string id, string caption) in Entries(json.RootElement))
            {
                if (!found.TryGetValue(id, out List<string>? sentences))
                {
                    found.Add(id, sentences = []);
                }

                sentences.Add(caption);
            }

            return [.. found.Select(pair => KeyValuePair.Create(pair.Key, (IReadOnlyList<string>)pair.Value))];
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ApertureException($"'{path}' holds no captions: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; write {Shapes}.", error);
        }
    }

    /// <summary>Puts captions and references together by their ids and tokenises both.</summary>
    /// <param name="captions">One caption an id.</param>
    /// <param name="references">Sentences of at least these ids; of others they are passed over.</param>
    /// <param name="tokenise">Whether to tokenise; false for sentences that are tokenised already.</param>
    /// <exception cref="ApertureException">An id has several captions or no reference, or there is no caption at all.</exception>
    public static IReadOnlyList<CaptionedItem> Join(
        IReadOnlyList<KeyValuePair<string, IReadOnlyList<string>>> captions, IReadOnlyList<KeyValuePair<string, IReadOnlyList<string>>> references,
        bool tokenise = true)
    {
        Dictionary<string, IReadOnlyList<string>> known = references.ToDictionary(pair => pair.Key, pair => pair.Value, StringComparer.Ordinal);
        List<CaptionedItem> items = [];
        foreach ((string id, IReadOnlyList<string> own) in captions)
        {
            if (own.Count != 1)
            {
                throw new ApertureException($"Picture '{id}' has {own.Count} captions to score; give one.");
            }

            if (!known.TryGetValue(id, out IReadOnlyList<string>? sentences) || sentences.Count == 0)
            {
                throw new ApertureException($"Picture '{id}' has a caption but no reference; add its sentences to the references.");
            }

            items.Add(
                tokenise ? new CaptionedItem(id, PtbTokenizer.Tokenize(own[0]), [.. sentences.Select(PtbTokenizer.Tokenize)])
                : new CaptionedItem(id, own[0], sentences));
        }

        CaptionedItem.Check(items);
        return items;
    }

    private static IEnumerable<(string Id, string Caption)> Entries(JsonElement root)
    {
        if (root.ValueKind == JsonValueKind.Object && root.TryGetProperty("annotations", out JsonElement annotations))
        {
            root = annotations;
        }

        if (root.ValueKind == JsonValueKind.Array)
        {
            return root.EnumerateArray().Select(entry => (Id(entry.GetProperty("image_id")), Sentence(entry.GetProperty("caption"))));
        }

        return root.EnumerateObject().SelectMany(pair => pair.Value.ValueKind == JsonValueKind.Array
            ? pair.Value.EnumerateArray().Select(sentence => (pair.Name, Sentence(sentence)))
            : [(pair.Name, Sentence(pair.Value))]);
    }

    private static string Id(JsonElement id) => id.ValueKind == JsonValueKind.String ? id.GetString()! : id.GetInt64().ToString();

    private static string Sentence(JsonElement value) => value.GetString() ?? throw new JsonException("null stands where a sentence belongs");
}
