using Aperture.Models;

namespace Aperture.Decoding;

/// <summary>The sizes of a decoder that methods need to know when a pipeline is built.</summary>
public sealed record DecoderInfo
{
    /// <summary>Name of the model, for recipes and messages.</summary>
    public required string Model { get; init; }

    /// <summary>Number of decoder layers, L.</summary>
    public required int Layers { get; init; }

    /// <summary>Hidden width, d.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward network, m.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>
    /// Whether the feed-forward network has three matrices, <c>down(activation(gate x) ⊙ up x)</c>; else it has two, <c>down(activation(up x))</c>.
    /// </summary>
    public bool GatedFeedForward { get; init; } = true;

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Width of a head.</summary>
    public required int HeadSize { get; init; }

    /// <summary>Vocabulary size (rows of the output matrix).</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Visual tokens of one image as the model's own preprocessing gives them; 0 for a model without images, or where the number varies.</summary>
    public int VisualTokens { get; init; }

    /// <summary>Layers whose attention weights the checkpoint leaves out, ascending. A method has to replace the attention of each.</summary>
    public IReadOnlyList<int> LayersWithoutAttention { get; init; } = [];
}
