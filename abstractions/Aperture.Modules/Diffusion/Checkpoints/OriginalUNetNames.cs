using System.Globalization;

namespace Aperture.Diffusion;

/// <summary>The names of the original UNet's tensors in diffusers' words.</summary>
internal static class OriginalUNetNames
{
    private static readonly (string Original, string Current)[] _ends =
    [
        ("input_blocks.0.0.", "conv_in."),
        ("time_embed.0.", "time_embedding.linear_1."),
        ("time_embed.2.", "time_embedding.linear_2."),
        ("out.0.", "conv_norm_out."),
        ("out.2.", "conv_out."),
        ("middle_block.1.", "mid_block.attentions.0."),
    ];

    private static readonly (string Original, string Current)[] _residual =
    [
        ("in_layers.0.", "norm1."),
        ("in_layers.2.", "conv1."),
        ("emb_layers.1.", "time_emb_proj."),
        ("out_layers.0.", "norm2."),
        ("out_layers.3.", "conv2."),
        ("skip_connection.", "conv_shortcut."),
    ];

    /// <summary>A tensor's name in diffusers' words; null for what the UNet has no use for.</summary>
    /// <param name="name">The name without the model's prefix.</param>
    /// <param name="group">Input blocks of a level.</param>
    public static string? Current(string name, int group)
    {
        (string Original, string Current) end = Array.Find(_ends, pair => name.StartsWith(pair.Original, StringComparison.Ordinal));
        if (end.Original is not null)
        {
            return end.Current + name[end.Original.Length..];
        }

        string[] parts = name.Split('.', 4);
        if (parts.Length < 4 || !TryNumber(parts[1], out int first))
        {
            return null;
        }

        string rest = $"{parts[2]}.{parts[3]}";
        switch (parts[0])
        {
            case "middle_block":
                return Residual($"mid_block.resnets.{first / 2}", rest);
            case "input_blocks" when TryNumber(parts[2], out int part):
                (int level, int block) = ((first - 1) / group, (first - 1) % group);
                return parts[3].StartsWith("op.", StringComparison.Ordinal)
                    ? $"down_blocks.{level}.downsamplers.0.conv.{parts[3]["op.".Length..]}"
                    : Block($"down_blocks.{level}", block, part, parts[3]);
            case "output_blocks" when TryNumber(parts[2], out int part):
                return parts[3].StartsWith("conv.", StringComparison.Ordinal)
                    ? $"up_blocks.{first / group}.upsamplers.0.{parts[3]}"
                    : Block($"up_blocks.{first / group}", first % group, part, parts[3]);
            default:
                return null;
        }
    }

    private static string? Block(string level, int block, int part, string rest)
        => part == 0 ? Residual($"{level}.resnets.{block}", rest) : $"{level}.attentions.{block}.{rest}";

    private static string? Residual(string block, string rest)
        => Array.Find(_residual, pair => rest.StartsWith(pair.Original, StringComparison.Ordinal)) is { Original: { } original, Current: { } current }
            ? $"{block}.{current}{rest[original.Length..]}"
            : null;

    private static bool TryNumber(string text, out int number) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
