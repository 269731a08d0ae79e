namespace Aperture.Plugins.Eas.Meter;

/// <summary>Names in METER's checkpoints.</summary>
internal static class MeterKeys
{
    public const string Text = "text_transformer.";
    public const string Vision = "vit_model.visual.";
    public const string VisionPositions = Vision + "positional_embedding";
    public const string TextTransform = "cross_modal_text_transform";
    public const string ImageTransform = "cross_modal_image_transform";
    public const string TextLayers = "cross_modal_text_layers.";
    public const string ImageLayers = "cross_modal_image_layers.";
    public const string TextPooler = "cross_modal_text_pooler.dense";
    public const string ImagePooler = "cross_modal_image_pooler.dense";
    public const string TokenTypes = "token_type_embeddings.weight";
    public const string ClassifierToken = "token4classifier";
    public const string SearchScores = "nas_gate";
    public const string SkippedCount = "skip_num";

    private static readonly string[] _trained = ["classifier", "pooler", "token_type_embeddings", "rank_output", "adapter"];
    private static readonly string[] _frozen = ["text_transformer", "vit_model"];

    public static string TextLayer(int layer) => $"{TextLayers}{layer}.";

    public static string ImageLayer(int layer) => $"{ImageLayers}{layer}.";

    /// <summary>Whether EAS trains a tensor: adapters, poolers, token types, task heads and the classifier token.</summary>
    public static bool IsTrained(string name)
        => Array.Exists(_trained, part => name.Contains(part, StringComparison.Ordinal))
            && !Array.Exists(_frozen, part => name.Contains(part, StringComparison.Ordinal));
}
