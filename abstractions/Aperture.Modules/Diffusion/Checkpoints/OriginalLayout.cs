using System.Globalization;
using Aperture.Text;
using Aperture.Weights;

namespace Aperture.Diffusion;

/// <summary>
/// Stable Diffusion 1 in the original single file: UNet, autoencoder and text encoder under diffusers' names, and their sizes as the tensors show them. What
/// they do not show is Stable Diffusion 1's: 8 heads, norms of 32 groups, heads of 64 channels in the text encoder.
/// </summary>
internal static class OriginalLayout
{
    private const string UNetPrefix = "model.diffusion_model.", PicturePrefix = "first_stage_model.", TextPrefix = "cond_stage_model.transformer.";
    private const int Heads = 8, Groups = 32, TextHead = 64;

    /// <summary>Whether a checkpoint is one.</summary>
    public static bool Is(IWeightSource source)
        => source.Contains(UNetPrefix + "input_blocks.0.0.weight") && source.Contains(PicturePrefix + "encoder.conv_in.weight");

    /// <summary>The UNet; a view that the source must outlive.</summary>
    /// <exception cref="ApertureException">A size cannot be read.</exception>
    public static (IWeightSource Weights, UNetConfig Config) UNet(IWeightSource source)
    {
        int inputs = Count(source, UNetPrefix + "input_blocks."), levels = 1 + source.Names.Count(name => IsSampler(name, UNetPrefix + "input_blocks."));
        int blocks = (inputs / levels) - 1, group = blocks + 1;
        if (blocks < 1 || inputs != levels * group)
        {
            throw new ApertureException($"The checkpoint's UNet has {inputs} input blocks in {levels} levels, which is not Stable Diffusion's design.");
        }

        bool Has(string name) => source.Contains(UNetPrefix + name);
        long[] Shape(string name) => source.Describe(UNetPrefix + name).Shape;
        string text = source.Names.FirstOrDefault(
            name => name.StartsWith(UNetPrefix, StringComparison.Ordinal) && name.EndsWith("attn2.to_k.weight", StringComparison.Ordinal))
            ?? throw new ApertureException("The checkpoint's UNet attends to no text; use a Stable Diffusion 1 checkpoint.");
        UNetConfig config = new()
        {
            Inputs = (int)Shape("input_blocks.0.0.weight")[1],
            Outputs = (int)Shape("out.2.weight")[0],
            Channels = [.. Enumerable.Range(0, levels).Select(level => (int)Shape($"input_blocks.{1 + (level * group)}.0.out_layers.3.weight")[0])],
            DownAttention = [.. Enumerable.Range(0, levels).Select(level => Has($"input_blocks.{1 + (level * group)}.1.norm.weight"))],
            UpAttention = [.. Enumerable.Range(0, levels).Select(level => Has($"output_blocks.{level * group}.1.norm.weight"))],
            Heads = [.. Enumerable.Repeat(Heads, levels)],
            BlocksPerLevel = blocks,
            Groups = Groups,
            TextWidth = (int)source.Describe(text).Shape[1],
        };
        config.Validate("The checkpoint's UNet");
        return (source.Under(UNetPrefix).Rename(name => OriginalUNetNames.Current(name, group)), config);
    }

    /// <summary>The autoencoder; a view that the source must outlive.</summary>
    public static (IWeightSource Weights, AutoencoderConfig Config) Autoencoder(IWeightSource source)
    {
        int levels = Count(source, PicturePrefix + "encoder.down.");
        AutoencoderConfig config = new()
        {
            Channels =
            [
                .. Enumerable.Range(0, levels).Select(
                    level => (int)source.Describe($"{PicturePrefix}encoder.down.{level}.block.0.conv2.weight").Shape[0]),
            ],
            BlocksPerLevel = Count(source, PicturePrefix + "encoder.down.0.block."),
            LatentChannels = (int)source.Describe(PicturePrefix + "quant_conv.weight").Shape[0] / 2,
            Groups = Groups,
        };
        config.Validate("The checkpoint's autoencoder");
        return (source.Under(PicturePrefix).Rename(name => OriginalPictureNames.Current(name, levels)), config);
    }

    /// <summary>The text encoder; a view that the source must outlive.</summary>
    /// <exception cref="ApertureException">There is none of Stable Diffusion 1's kind.</exception>
    public static (IWeightSource Weights, ClipTextConfig Config) Text(IWeightSource source)
    {
        IWeightSource weights = source.Under(TextPrefix);
        if (!weights.Contains("text_model.embeddings.token_embedding.weight"))
        {
            throw new ApertureException(
                $"The checkpoint has no text encoder under {TextPrefix}; give a complete Stable Diffusion 1 checkpoint, not one of version 2 or of its UNet "
                + "alone.");
        }

        long[] words = weights.Describe("text_model.embeddings.token_embedding.weight").Shape;
        return (weights, new ClipTextConfig
        {
            Vocabulary = (int)words[0],
            HiddenSize = (int)words[1],
            IntermediateSize = (int)weights.Describe("text_model.encoder.layers.0.mlp.fc1.weight").Shape[0],
            Layers = Count(weights, "text_model.encoder.layers."),
            Heads = Math.Max(1, (int)words[1] / TextHead),
            Positions = (int)weights.Describe("text_model.embeddings.position_embedding.weight").Shape[0],
        });
    }

    private static bool IsSampler(string name, string prefix)
        => name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(".0.op.weight", StringComparison.Ordinal);

    // One more than the highest number that follows a prefix.
    private static int Count(IWeightSource source, string prefix)
    {
        int most = -1;
        foreach (string name in source.Names.Where(name => name.StartsWith(prefix, StringComparison.Ordinal)))
        {
            int dot = name.IndexOf('.', prefix.Length);
            if (dot > 0 && int.TryParse(name.AsSpan(prefix.Length, dot - prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            {
                most = Math.Max(most, number);
            }
        }

        return most + 1;
    }
}
