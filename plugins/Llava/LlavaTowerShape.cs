using Aperture.Vision;
using Aperture.Weights;

namespace Aperture.Plugins.Llava;

/// <summary>
/// The sizes of a CLIP tower that lies inside a checkpoint, read off its weights. LLaVA-1.6's authors ship the tower that they trained and name the published
/// one in <c>config.json</c>, whose folder is then needed for nothing else.
/// </summary>
internal static class LlavaTowerShape
{
    private const int HeadSize = 64; // of every published CLIP vision tower

    /// <summary>Reads the sizes.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="prefix">What stands before <c>embeddings</c>.</param>
    /// <param name="where">The checkpoint's folder, for messages.</param>
    /// <exception cref="ApertureException">The weights are no CLIP tower's, or their heads cannot be told.</exception>
    public static VisionTransformerConfig Read(IWeightSource source, string prefix, string where)
    {
        long[] patch = Shape("embeddings.patch_embedding.weight", 4), table = Shape("embeddings.position_embedding.weight", 2);
        int width = (int)patch[0], layers = 0;
        while (source.Contains($"{prefix}encoder.layers.{layers}.layer_norm1.weight"))
        {
            layers++;
        }

        int side = (int)Math.Round(Math.Sqrt(table[0] - 1));
        if (layers == 0 || width % HeadSize != 0 || ((long)side * side) + 1 != table[0])
        {
            throw new ApertureException(
                $"The vision tower inside '{where}' has {layers} layers of width {width} and {table[0]} positions, which is no published CLIP tower; "
                + "name the folder with its config.json as the tower option.");
        }

        return new VisionTransformerConfig
        {
            HiddenSize = width,
            IntermediateSize = (int)Shape("encoder.layers.0.mlp.fc1.weight", 2)[0],
            Layers = layers,
            Heads = width / HeadSize,
            ImageSize = side * (int)patch[2],
            PatchSize = (int)patch[2],
        }.Validated(where);

        long[] Shape(string name, int dimensions)
        {
            string full = prefix + name;
            long[] shape = source.Contains(full) ? [.. source.Describe(full).Shape] : [];
            return shape.Length == dimensions ? shape : throw new ApertureException(
                $"The vision tower inside '{where}' has no '{full}' of {dimensions} dimensions; fetch the checkpoint again.");
        }
    }
}
