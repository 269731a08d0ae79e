using Aperture.Plugins.DitSam.Sam;
using Aperture.Weights;

namespace Aperture.Plugins.DitSam.Dit;

/// <summary>Names of DIT's files.</summary>
internal static class DitKeys
{
    public const string TextProjection = "text_proj", Bert = "lang_encoder.bert.";

    /// <summary>How DIT calls <see cref="SamKeys.Encoder"/>.</summary>
    public const string Encoder = "visual_encoder.";

    /// <summary>Below the encoder: projections of the sentence, one a block or one for all; that of its width; learned rows.</summary>
    public const string Projections = SamKeys.Encoder + "probs", WidthProjection = SamKeys.Encoder + "prob_text", Tokens = SamKeys.Encoder + "tokens";

    /// <summary>A checkpoint with the encoder under SAM's name, whichever of the two it has.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    public static IWeightSource UnderSamNames(IWeightSource source)
        => source.Rename(
            name => name.StartsWith(Encoder, StringComparison.Ordinal) ? SamKeys.Encoder + name[Encoder.Length..]
                : source.Contains(Encoder + "pos_embed") && name.StartsWith(SamKeys.Encoder, StringComparison.Ordinal) ? null
                : name);

    /// <summary>The published name of a tensor under SAM's names.</summary>
    public static string Published(string name)
        => name.StartsWith(SamKeys.Encoder, StringComparison.Ordinal) ? Encoder + name[SamKeys.Encoder.Length..] : name;

    /// <summary>Whether a checkpoint is a DIT, by names.</summary>
    public static bool Recognises(IWeightSource source)
        => source.Contains(TextProjection + ".weight") && source.Contains(SamKeys.ScoreToken) && source.Contains(Bert + "embeddings.word_embeddings.weight");
}
