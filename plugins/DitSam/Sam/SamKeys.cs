namespace Aperture.Plugins.DitSam.Sam;

/// <summary>Names of the published segment-anything files.</summary>
internal static class SamKeys
{
    public const string Encoder = "image_encoder.", Prompts = "prompt_encoder.", Decoder = "mask_decoder.";

    public const string NoMask = Prompts + "no_mask_embed.weight", MaskPrompt = Prompts + "mask_downscaling.";

    public const string Transformer = Decoder + "transformer.", MaskTokens = Decoder + "mask_tokens.weight", ScoreToken = Decoder + "iou_token.weight";
}
