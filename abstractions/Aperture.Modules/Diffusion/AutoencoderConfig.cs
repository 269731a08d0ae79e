using System.Text.Json;
using Aperture.Models;

namespace Aperture.Diffusion;

/// <summary>Sizes of an autoencoder between pictures and latents (diffusers' AutoencoderKL). The defaults are Stable Diffusion 1's.</summary>
public sealed record AutoencoderConfig
{
    /// <summary>Channels of a picture.</summary>
    public int Inputs { get; init; } = 3;

    /// <summary>Channels of a decoded picture.</summary>
    public int Outputs { get; init; } = 3;

    /// <summary>Channels of each level, the largest map first.</summary>
    public IReadOnlyList<int> Channels { get; init; } = [128, 256, 512, 512];

    /// <summary>Residual blocks of a level of the encoder; one more in the decoder.</summary>
    public int BlocksPerLevel { get; init; } = 2;

    /// <summary>Channels of a latent.</summary>
    public int LatentChannels { get; init; } = 4;

    /// <summary>Groups of the norms.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>What latents are multiplied by before they are noised, so that they have variance 1.</summary>
    public double Scale { get; init; } = 0.18215;

    /// <summary>Pixels of a picture's side that are one of a latent's.</summary>
    public int Stride => 1 << (Channels.Count - 1);

    /// <summary>Reads diffusers' configuration; absent keys take Stable Diffusion 1's values.</summary>
    /// <param name="json">The configuration object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or asks for what is not supported.</exception>
    public static AutoencoderConfig Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        AutoencoderConfig defaults = new();
        int[] channels = ConfigLists.Sizes(config, "block_out_channels", [.. defaults.Channels]);
        bool[] any = [.. channels.Select(_ => false)];
        int down = ConfigLists.Blocks(config, "down_block_types", "DownEncoderBlock2D", "AttnDownEncoderBlock2D", any).Count(attends => !attends);
        int up = ConfigLists.Blocks(config, "up_block_types", "UpDecoderBlock2D", "AttnUpDecoderBlock2D", any).Count(attends => !attends);
        if (down != channels.Length || up != channels.Length)
        {
            throw new ApertureException($"{where}: an autoencoder needs one DownEncoderBlock2D and one UpDecoderBlock2D for each of {channels.Length} levels.");
        }

        if (config.Text("act_fn", "silu") is var activation && activation is not ("silu" or "swish"))
        {
            throw new ApertureException($"{where}: act_fn '{activation}' is not supported; Stable Diffusion's is silu.");
        }

        AutoencoderConfig parsed = new()
        {
            Inputs = config.Size("in_channels", defaults.Inputs),
            Outputs = config.Size("out_channels", defaults.Outputs),
            Channels = channels,
            BlocksPerLevel = config.Size("layers_per_block", defaults.BlocksPerLevel),
            LatentChannels = config.Size("latent_channels", defaults.LatentChannels),
            Groups = config.Size("norm_num_groups", defaults.Groups),
            Scale = config.Number("scaling_factor", defaults.Scale),
        };
        parsed.Validate(where);
        return parsed;
    }

    /// <summary>Checks that the sizes belong together.</summary>
    /// <param name="where">What messages begin with.</param>
    /// <exception cref="ApertureException">They do not.</exception>
    public void Validate(string where)
    {
        if (Channels.FirstOrDefault(width => width % Groups != 0) is > 0 and int odd)
        {
            throw new ApertureException($"{where}: {odd} channels are not a multiple of {Groups} groups of a norm.");
        }

        if (!(Scale > 0))
        {
            throw new ApertureException($"{where}: scaling_factor is {Scale}; it must be above 0.");
        }
    }
}
