using System.Text.Json.Serialization;
using Aperture.Text;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>How captions are cut into words for training.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<WordSplitting>))]
internal enum WordSplitting
{
    /// <summary>The Penn Treebank's way. The official code takes spaCy, which cuts captions the same but for rare ones.</summary>
    Treebank,

    /// <summary>At blanks, for captions that are tokenised already.</summary>
    Blanks,
}

/// <summary>Cuts captions into words as training wants them: lower case, without punctuation.</summary>
internal static class CaptionWords
{
    private static readonly HashSet<string> _leftOut = new(StringComparer.Ordinal)
    {
        "''", "'", "``", "`", "-LRB-", "-RRB-", "-LCB-", "-RCB-", ".", "?", "!", ",", ":", "-", "--", "...", ";",
    };

    /// <summary>The words of a caption.</summary>
    /// <param name="caption">The caption.</param>
    /// <param name="splitting">Where it is cut.</param>
    public static IReadOnlyList<string> Split(string caption, WordSplitting splitting)
        => splitting == WordSplitting.Treebank
            ? PtbTokenizer.Words(caption)
            : [.. caption.ToLowerInvariant().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries).Where(word => !_leftOut.Contains(word))];
}
