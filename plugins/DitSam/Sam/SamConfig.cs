using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>The sizes of a SAM, read off its weights. What no weight tells (heads of the mask decoder) is given.</summary>
internal sealed record SamConfig
{
    private const int DefaultDecoderHeads = 8;

    /// <summary>The transformer as SAM runs it, with its windows.</summary>
    public required VisionTransformerConfig Vision { get; init; }

    /// <summary>Width of prompts and of the image embedding.</summary>
    public required int PromptWidth { get; init; }

    /// <summary>Channels in front of the last convolution of a mask prompt.</summary>
    public required int MaskChannels { get; init; }

    /// <summary>Layers of the mask decoder's transformer.</summary>
    public required int DecoderLayers { get; init; }

    /// <summary>Heads of the mask decoder's transformer.</summary>
    public required int DecoderHeads { get; init; }

    /// <summary>Mask tokens: one for a single mask, the others for all readings of a prompt.</summary>
    public required int MaskTokens { get; init; }

    /// <summary>Reads the sizes.</summary>
    /// <param name="source">The checkpoint under SAM's published names, <c>image_encoder.</c> and so on.</param>
    /// <param name="decoderHeads">Heads of the mask decoder; null for 8, as in all published models.</param>
    /// <exception cref="ApertureException">A tensor that tells a size is missing, or sizes do not fit together.</exception>
    public static SamConfig Read(IWeightSource source, int? decoderHeads)
    {
        int prompt = (int)source.Describe(SamKeys.NoMask).Shape[^1], heads = decoderHeads ?? DefaultDecoderHeads;
        int inner = (int)source.Describe(SamKeys.Transformer + "final_attn_token_to_image.q_proj.weight").Shape[0];
        if (prompt % heads != 0 || inner % heads != 0)
        {
            throw new ApertureException(
                $"SAM: a mask decoder of width {prompt} with {inner} inside attention has no {heads} heads; set DecoderHeads to what it was trained with.");
        }

        return new SamConfig
        {
            Vision = ReadVision(source),
            PromptWidth = prompt,
            MaskChannels = (int)source.Describe(SamKeys.MaskPrompt + "3.weight").Shape[0],
            DecoderLayers = Count(source, SamKeys.Transformer + "layers.", ".norm1.weight"),
            DecoderHeads = heads,
            MaskTokens = (int)source.Describe(SamKeys.MaskTokens).Shape[0],
        };
    }

    /// <summary>Number of layers, counted by a tensor that each of them has.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="before">What stands before the number.</param>
    /// <param name="behind">What stands behind it.</param>
    public static int Count(IWeightSource source, string before, string behind)
    {
        int layers = 0;
        while (source.Contains($"{before}{layers}{behind}"))
        {
            layers++;
        }

        return layers;
    }

    private static VisionTransformerConfig ReadVision(IWeightSource source)
    {
        const string Encoder = SamKeys.Encoder;
        long[] patches = source.Describe(Encoder + "patch_embed.proj.weight").Shape, positions = source.Describe(Encoder + "pos_embed").Shape;
        int layers = Count(source, Encoder + "blocks.", ".norm1.weight");
        if (patches.Length != 4 || positions.Length != 4 || positions[1] != positions[2] || layers == 0)
        {
            throw new ApertureException(
                $"SAM: patch_embed.proj.weight [{string.Join(", ", patches)}], pos_embed [{string.Join(", ", positions)}] and {layers} blocks are no image "
                + "encoder of SAM; the position table is square, [1, side, side, width].");
        }

        long[][] tables = [.. Enumerable.Range(0, layers).Select(block => source.Describe($"{Encoder}blocks.{block}.attn.rel_pos_h").Shape)];
        int width = (int)patches[0], patch = (int)patches[2], grid = (int)positions[1], head = (int)tables[0][^1], everywhere = (2 * grid) - 1;
        long[] windows = [.. tables.Select(table => table[0]).Where(length => length != everywhere).Distinct()];
        if (windows.Length > 1 || width % head != 0 || patch % 4 != 0)
        {
            throw new ApertureException(
                $"SAM: relative positions of {string.Join(", ", windows)} places and {head} channels fit no encoder of width {width} with one size of window "
                + $"and patches of a multiple of 4 pixels ({patch}).");
        }

        return SamVision.Options(
            new VisionTransformerConfig
            {
                HiddenSize = width,
                IntermediateSize = (int)source.Describe(Encoder + "blocks.0.mlp.lin1.weight").Shape[0],
                Layers = layers,
                Heads = width / head,
                ImageSize = grid * patch,
                PatchSize = patch,
            },
            windows.Length == 0 ? 0 : (int)(windows[0] + 1) / 2,
            [.. Enumerable.Range(0, layers).Where(block => tables[block][0] == everywhere)]).Validated("SAM");
    }
}
