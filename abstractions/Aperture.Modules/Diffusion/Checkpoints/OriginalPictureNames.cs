using System.Globalization;

namespace Aperture.Diffusion;

/// <summary>The names of the original autoencoder's tensors in diffusers' words.</summary>
internal static class OriginalPictureNames
{
    private static readonly (string Original, string Current)[] _middle =
        [("block_1.", "resnets.0."), ("block_2.", "resnets.1."), ("attn_1.", "attentions.0.")];

    private static readonly (string Original, string Current)[] _attention =
        [("norm.", "group_norm."), ("q.", "to_q."), ("k.", "to_k."), ("v.", "to_v."), ("proj_out.", "to_out.0.")];

    /// <summary>A tensor's name in diffusers' words; null for what the autoencoder has no use for.</summary>
    /// <param name="name">The name without the model's prefix.</param>
    /// <param name="levels">Levels of the autoencoder.</param>
    public static string? Current(string name, int levels)
    {
        if (name.StartsWith("quant_conv.", StringComparison.Ordinal) || name.StartsWith("post_quant_conv.", StringComparison.Ordinal))
        {
            return name;
        }

        string[] parts = name.Split('.', 3);
        if (parts.Length < 3 || parts[0] is not ("encoder" or "decoder"))
        {
            return null;
        }

        string rest = parts[2];
        return parts[1] switch
        {
            "conv_in" or "conv_out" => name,
            "norm_out" => $"{parts[0]}.conv_norm_out.{rest}",
            "mid" => Middle(parts[0], rest),
            "down" => Level("encoder.down_blocks", rest, levels: 0),
            "up" => Level("decoder.up_blocks", rest, levels),
            _ => null,
        };
    }

    private static string? Middle(string half, string rest)
    {
        (string Original, string Current) part = Array.Find(_middle, pair => rest.StartsWith(pair.Original, StringComparison.Ordinal));
        if (part.Original is null)
        {
            return null;
        }

        string within = rest[part.Original.Length..];
        (string Original, string Current) layer = part.Original == "attn_1."
            ? Array.Find(_attention, pair => within.StartsWith(pair.Original, StringComparison.Ordinal))
            : default;
        return $"{half}.mid_block.{part.Current}{(layer.Original is null ? within : layer.Current + within[layer.Original.Length..])}";
    }

    // The decoder's levels are numbered from the largest map on, diffusers' from the smallest.
    private static string? Level(string name, string rest, int levels)
    {
        string[] parts = rest.Split('.', 3);
        if (parts.Length < 3 || !int.TryParse(parts[0], NumberStyles.None, CultureInfo.InvariantCulture, out int number))
        {
            return null;
        }

        int level = levels > 0 ? levels - 1 - number : number;
        return parts[1] switch
        {
            "block" => $"{name}.{level}.resnets.{parts[2].Replace("nin_shortcut.", "conv_shortcut.", StringComparison.Ordinal)}",
            "downsample" => $"{name}.{level}.downsamplers.0.{parts[2]}",
            "upsample" => $"{name}.{level}.upsamplers.0.{parts[2]}",
            _ => null,
        };
    }
}
