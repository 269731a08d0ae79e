using System.Text.RegularExpressions;

namespace Aperture.Abstractions.Tests.Diffusion;

/// <summary>Diffusers' names in the words of the original single file: the way back from what the product reads.</summary>
internal static class OriginalNames
{
    public static string UNet(string name, int blocks)
    {
        int group = blocks + 1;
        name = Regex.Replace(name, @"^conv_in\.", "input_blocks.0.0.");
        name = Regex.Replace(name, @"^conv_norm_out\.", "out.0.");
        name = Regex.Replace(name, @"^conv_out\.", "out.2.");
        name = Regex.Replace(name, @"^time_embedding\.linear_(\d)\.", match => $"time_embed.{2 * (int.Parse(match.Groups[1].Value) - 1)}.");
        name = Regex.Replace(name, @"^mid_block\.resnets\.(\d)\.", match => $"middle_block.{2 * int.Parse(match.Groups[1].Value)}.");
        name = Regex.Replace(name, @"^mid_block\.attentions\.0\.", "middle_block.1.");
        name = Regex.Replace(name, @"^down_blocks\.(\d)\.resnets\.(\d)\.", match => $"input_blocks.{At(match, group) + 1}.0.");
        name = Regex.Replace(name, @"^down_blocks\.(\d)\.attentions\.(\d)\.", match => $"input_blocks.{At(match, group) + 1}.1.");
        name = Regex.Replace(
            name, @"^down_blocks\.(\d)\.downsamplers\.0\.conv\.", match => $"input_blocks.{(int.Parse(match.Groups[1].Value) + 1) * group}.0.op.");
        name = Regex.Replace(name, @"^up_blocks\.(\d)\.resnets\.(\d)\.", match => $"output_blocks.{At(match, group)}.0.");
        name = Regex.Replace(name, @"^up_blocks\.(\d)\.attentions\.(\d)\.", match => $"output_blocks.{At(match, group)}.1.");

        // Behind the transformer where there is one: the first level on the way up has none.
        name = Regex.Replace(name, @"^up_blocks\.(\d)\.upsamplers\.0\.conv\.", match =>
        {
            int level = int.Parse(match.Groups[1].Value);
            return $"output_blocks.{(level * group) + blocks}.{(level == 0 ? 1 : 2)}.conv.";
        });
        return name.Replace("norm1.", "in_layers.0.", StringComparison.Ordinal) is var renamed && name.Contains("transformer_blocks", StringComparison.Ordinal)
            ? name
            : renamed.Replace("conv1.", "in_layers.2.", StringComparison.Ordinal).Replace("time_emb_proj.", "emb_layers.1.", StringComparison.Ordinal)
                .Replace("norm2.", "out_layers.0.", StringComparison.Ordinal).Replace("conv2.", "out_layers.3.", StringComparison.Ordinal)
                .Replace("conv_shortcut.", "skip_connection.", StringComparison.Ordinal);
    }

    public static string Pictures(string name, int levels)
    {
        name = name.Replace("conv_norm_out.", "norm_out.", StringComparison.Ordinal).Replace("conv_shortcut.", "nin_shortcut.", StringComparison.Ordinal);
        name = Regex.Replace(name, @"mid_block\.resnets\.(\d)\.", match => $"mid.block_{int.Parse(match.Groups[1].Value) + 1}.");
        name = name.Replace("mid_block.attentions.0.group_norm.", "mid.attn_1.norm.", StringComparison.Ordinal)
            .Replace("mid_block.attentions.0.to_out.0.", "mid.attn_1.proj_out.", StringComparison.Ordinal);
        name = Regex.Replace(name, @"mid_block\.attentions\.0\.to_([qkv])\.", "mid.attn_1.$1.");
        name = Regex.Replace(name, @"down_blocks\.(\d)\.resnets\.", "down.$1.block.");
        name = Regex.Replace(name, @"down_blocks\.(\d)\.downsamplers\.0\.", "down.$1.downsample.");
        name = Regex.Replace(name, @"up_blocks\.(\d)\.resnets\.", match => $"up.{levels - 1 - int.Parse(match.Groups[1].Value)}.block.");
        return Regex.Replace(name, @"up_blocks\.(\d)\.upsamplers\.0\.", match => $"up.{levels - 1 - int.Parse(match.Groups[1].Value)}.upsample.");
    }

    private static int At(Match match, int group) => (int.Parse(match.Groups[1].Value) * group) + int.Parse(match.Groups[2].Value);
}
