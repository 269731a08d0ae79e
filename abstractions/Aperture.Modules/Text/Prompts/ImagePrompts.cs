using System.Text;

namespace Aperture.Text;

/// <summary>How the places of images in a prompt become ids.</summary>
public static class ImagePrompts
{
    /// <summary>What stands for an image in a prompt.</summary>
    public const string Placeholder = "<image>";

    /// <summary>The id that stands for an image in LLaVA's ids; no vocabulary has it.</summary>
    public const int ImageId = -200;

    /// <summary>
    /// Encodes a prompt with images as LLaVA does: the text is cut at every placeholder, each part encoded for itself with its ends, and the parts are
    /// joined by the image id, with the begin token of the first part alone.
    /// </summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="imageId">The id between the parts.</param>
    /// <returns>The ids.</returns>
    public static int[] Encode(string prompt, ITokenizer tokenizer, int imageId = ImageId)
    {
        List<int[]> parts = prompt.Split(Placeholder).Select(part => tokenizer.Encode(part)).ToList();
        List<int> ids = new();
        int skip = parts[0].Length > 0 && parts[0][0] == tokenizer.BeginId ? 1 : 0;
        ids.AddRange(parts[0].AsSpan(0, skip));
        for (int i = 0; i < parts.Count; i++)
        {
            if (i > 0)
            {
                ids.Add(imageId);
            }

            // The official code takes the begin token's place from every part, whether or not it begins with that token.
            ids.AddRange(parts[i].AsSpan(Math.Min(skip, parts[i].Length)));
        }

        return [.. ids];
    }

    /// <summary>Repeats every image token, as the processors of transformers do: the i-th one <paramref name="counts"/>[i] times.</summary>
    /// <param name="ids">Ids with one image token an image.</param>
    /// <param name="imageTokenId">The image token.</param>
    /// <param name="counts">How many rows each image fills.</param>
    /// <exception cref="ApertureException">There are not as many image tokens as counts.</exception>
    public static int[] Expand(IReadOnlyList<int> ids, int imageTokenId, IReadOnlyList<int> counts)
    {
        List<int> result = new(ids.Count + counts.Sum());
        int image = 0;
        foreach (int id in ids)
        {
            if (id != imageTokenId)
            {
                result.Add(id);
                continue;
            }

            if (image < counts.Count)
            {
                result.AddRange(Enumerable.Repeat(id, counts[image]));
            }

            image++;
        }

        return image == counts.Count
            ? [.. result]
            : throw new ApertureException($"The prompt has {image} image tokens for {counts.Count} images; write {Placeholder} once for each image.");
    }

    /// <summary>
    /// Replaces the placeholders in order by InternVL's image span: <c>&lt;img&gt;</c>, one <c>&lt;IMG_CONTEXT&gt;</c> a row, <c>&lt;/img&gt;</c>.
    /// </summary>
    /// <param name="prompt">The prompt.</param>
    /// <param name="counts">How many rows each image fills: tokens a tile times tiles. Placeholders beyond them stay.</param>
    public static string ExpandInternVl(string prompt, IReadOnlyList<int> counts)
    {
        StringBuilder result = new();
        int at = 0;
        foreach (int count in counts)
        {
            int next = prompt.IndexOf(Placeholder, at, StringComparison.Ordinal);
            if (next < 0)
            {
                throw new ApertureException($"The prompt has fewer placeholders than the {counts.Count} images; write {Placeholder} once for each image.");
            }

            result.Append(prompt, at, next - at).Append("<img>").Insert(result.Length, "<IMG_CONTEXT>", count).Append("</img>");
            at = next + Placeholder.Length;
        }

        return result.Append(prompt, at, prompt.Length - at).ToString();
    }
}
