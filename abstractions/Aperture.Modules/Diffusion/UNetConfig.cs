using System.Text.Json;
using Aperture.Models;

namespace Aperture.Diffusion;

/// <summary>Sizes and options of a UNet that denoises latents under a text (diffusers' UNet2DConditionModel). The defaults are Stable Diffusion 1's.</summary>
public sealed record UNetConfig
{
    /// <summary>Side of the latent that the model was made for.</summary>
    public int SampleSize { get; init; } = 64;

    /// <summary>Channels in: 4, or 9 for inpainting.</summary>
    public int Inputs { get; init; } = 4;

    /// <summary>Channels out.</summary>
    public int Outputs { get; init; } = 4;

    /// <summary>Whether the input is taken from 0..1 to -1..1 first.</summary>
    public bool CenterInput { get; init; }

    /// <summary>Whether the time's features are cosines first, then sines.</summary>
    public bool CosineFirst { get; init; } = true;

    /// <summary>Taken from the number of frequencies where they are spaced.</summary>
    public double FrequencyShift { get; init; }

    /// <summary>Channels of each level, the largest map first.</summary>
    public IReadOnlyList<int> Channels { get; init; } = [320, 640, 1280, 1280];

    /// <summary>Whether each level on the way down has attention.</summary>
    public IReadOnlyList<bool> DownAttention { get; init; } = [true, true, true, false];

    /// <summary>Whether each level on the way up has attention, the smallest map first.</summary>
    public IReadOnlyList<bool> UpAttention { get; init; } = [false, true, true, true];

    /// <summary>Attention heads of each level, the largest map first. Configurations call the number of heads <c>attention_head_dim</c>.</summary>
    public IReadOnlyList<int> Heads { get; init; } = [8, 8, 8, 8];

    /// <summary>Residual blocks of a level on the way down; one more on the way up.</summary>
    public int BlocksPerLevel { get; init; } = 2;

    /// <summary>Zeros around a map before it is made smaller; 0 puts one row and column behind it instead.</summary>
    public int DownsamplePadding { get; init; } = 1;

    /// <summary>What sums of the middle's residual blocks are divided by.</summary>
    public double MidScale { get; init; } = 1;

    /// <summary>Groups of the norms.</summary>
    public int Groups { get; init; } = 32;

    /// <summary>Added to the variance in the norms of residual blocks and output.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Width of the text's rows.</summary>
    public int TextWidth { get; init; } = 768;

    /// <summary>Width of the time's embedding.</summary>
    public int TimeWidth => 4 * Channels[0];

    /// <summary>The side of a latent must be a multiple of it for maps of all levels to fit on each other without rounding.</summary>
    public int Stride => 1 << (Channels.Count - 1);

    /// <summary>Reads diffusers' configuration; absent keys take Stable Diffusion 1's values.</summary>
    /// <param name="json">The configuration object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range, or asks for what is not supported.</exception>
    public static UNetConfig Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        Refuse(config);
        UNetConfig defaults = new();
        int[] channels = ConfigLists.Sizes(config, "block_out_channels", [.. defaults.Channels]);
        UNetConfig parsed = new()
        {
            SampleSize = config.Size("sample_size", defaults.SampleSize),
            Inputs = config.Size("in_channels", defaults.Inputs),
            Outputs = config.Size("out_channels", defaults.Outputs),
            CenterInput = config.Flag("center_input_sample", false),
            CosineFirst = config.Flag("flip_sin_to_cos", true),
            FrequencyShift = config.Number("freq_shift", 0),
            Channels = channels,
            DownAttention = ConfigLists.Blocks(config, "down_block_types", "DownBlock2D", "CrossAttnDownBlock2D", [.. defaults.DownAttention]),
            UpAttention = ConfigLists.Blocks(config, "up_block_types", "UpBlock2D", "CrossAttnUpBlock2D", [.. defaults.UpAttention]),
            Heads = ConfigLists.PerLevel(config, "attention_head_dim", 8, channels.Length),
            BlocksPerLevel = config.Size("layers_per_block", defaults.BlocksPerLevel),
            DownsamplePadding = config.Size("downsample_padding", defaults.DownsamplePadding, minimum: 0),
            MidScale = config.Number("mid_block_scale_factor", defaults.MidScale),
            Groups = config.Size("norm_num_groups", defaults.Groups),
            NormEpsilon = config.Number("norm_eps", defaults.NormEpsilon),
            TextWidth = config.Size("cross_attention_dim", defaults.TextWidth),
        };
        parsed.Validate(where);
        return parsed;
    }

    /// <summary>Checks that the sizes belong together.</summary>
    /// <param name="where">What messages begin with.</param>
    /// <exception cref="ApertureException">They do not.</exception>
    public void Validate(string where)
    {
        if (DownAttention.Count != Channels.Count || UpAttention.Count != Channels.Count)
        {
            throw new ApertureException(
                $"{where}: {Channels.Count} block_out_channels, but {DownAttention.Count} down_block_types and {UpAttention.Count} up_block_types.");
        }

        for (int level = 0; level < Channels.Count; level++)
        {
            (int width, int heads) = (Channels[level], Heads[level]);
            if (width % Groups != 0 || width % heads != 0)
            {
                throw new ApertureException($"{where}: {width} channels are not a multiple of {Groups} groups of a norm and of {heads} attention heads.");
            }
        }

        if (Channels[0] % 2 != 0 || FrequencyShift >= Channels[0] / 2 || MidScale == 0)
        {
            throw new ApertureException(
                $"{where}: {Channels[0]} features of the time with freq_shift {FrequencyShift}, or mid_block_scale_factor {MidScale}, make no sense.");
        }
    }

    private static void Refuse(ConfigReader config)
    {
        if (config.Text("act_fn", "silu") is var activation && activation is not ("silu" or "swish"))
        {
            throw new ApertureException($"{config.Where}: act_fn '{activation}' is not supported; Stable Diffusion's is silu.");
        }

        foreach (string flag in (string[])["only_cross_attention", "dual_cross_attention"])
        {
            if (config.Has(flag) && config.Root.GetProperty(flag).ValueKind != JsonValueKind.False)
            {
                throw new ApertureException($"{config.Where}: {flag} is not supported; use a model of Stable Diffusion 1's design.");
            }
        }

        foreach (string key in (string[])["class_embed_type", "num_class_embeds", "addition_embed_type", "time_cond_proj_dim"])
        {
            if (config.Has(key))
            {
                throw new ApertureException($"{config.Where}: {key} is not supported; use a model of Stable Diffusion 1's design.");
            }
        }
    }
}
