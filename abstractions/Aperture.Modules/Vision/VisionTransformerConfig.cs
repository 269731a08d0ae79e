using Aperture.Sequences;

namespace Aperture.Vision;

/// <summary>Sizes and options of a vision transformer. What is not set describes CLIP.</summary>
public sealed record VisionTransformerConfig
{
    /// <summary>Width of a row.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Width of the feed-forward network.</summary>
    public required int IntermediateSize { get; init; }

    /// <summary>Number of blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>Attention heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Side in pixels of the square that the position table is for.</summary>
    public required int ImageSize { get; init; }

    /// <summary>Side of a patch in pixels.</summary>
    public required int PatchSize { get; init; }

    /// <summary>Side in pixels of the square that pictures are made into; null for <see cref="ImageSize"/>.</summary>
    public int? Input { get; init; }

    /// <summary>Frames that a patch covers. With more than one, patches come flattened: see <see cref="VisionTransformer.EmbedFlattened"/>.</summary>
    public int Frames { get; init; } = 1;

    /// <summary>Activation: <c>quick_gelu</c>, <c>gelu</c>, <c>gelu_pytorch_tanh</c> or <c>silu</c>.</summary>
    public string Activation { get; init; } = "quick_gelu";

    /// <summary>Whether the feed-forward network is gated: <c>down(activation(gate(x)) ⊙ up(x))</c>.</summary>
    public bool Gated { get; init; }

    /// <summary>Whether a norm stands before the feed-forward network's last matrix (EVA-02).</summary>
    public bool FeedForwardNorm { get; init; }

    /// <summary>The kind of the norms.</summary>
    public VisionNorm Norm { get; init; } = VisionNorm.Layer;

    /// <summary>Added to the variance, or the mean of squares, in the norms.</summary>
    public double NormEpsilon { get; init; } = 1e-5;

    /// <summary>Whether a class token stands in front of the patches.</summary>
    public bool ClassToken { get; init; } = true;

    /// <summary>Whether a norm stands before the first block.</summary>
    public bool PreNorm { get; init; } = true;

    /// <summary>Whether the patch embedding has a bias.</summary>
    public bool PatchBias { get; init; }

    /// <summary>Whether queries and values have biases.</summary>
    public bool QueryValueBias { get; init; } = true;

    /// <summary>Whether keys have a bias, where queries and values have.</summary>
    public bool KeyBias { get; init; } = true;

    /// <summary>Whether queries and keys are normalised over all heads together (InternViT-6B).</summary>
    public bool QueryKeyNorm { get; init; }

    /// <summary>Whether what a block adds is scaled channel by channel.</summary>
    public bool LayerScale { get; init; }

    /// <summary>The learned table of absolute positions.</summary>
    public VisionPositions Positions { get; init; } = VisionPositions.ClassAndGrid;

    /// <summary>Rows and columns of the position table's grid; null for <see cref="Grid"/>.</summary>
    public int? PositionGrid { get; init; }

    /// <summary>How the position table is made to fit another grid.</summary>
    public PositionResampling Resampling { get; init; } = PositionResampling.Bicubic;

    /// <summary>Rotary positions of rows and columns; null for none.</summary>
    public VisionRotary? Rotary { get; init; }

    /// <summary>Whether blocks have tables of decomposed relative positions, computed from queries (SAM).</summary>
    public bool RelativePositions { get; init; }

    /// <summary>Side in patches of the windows that blocks attend in; 0 where all blocks attend everywhere.</summary>
    public int WindowSize { get; init; }

    /// <summary>Blocks that attend everywhere although there are windows.</summary>
    public IReadOnlyList<int> GlobalBlocks { get; init; } = [];

    /// <summary>What windows do with places outside the grid.</summary>
    public WindowPadding WindowPadding { get; init; } = WindowPadding.Attended;

    /// <summary>Patches along a side of the position table's picture.</summary>
    public int Grid => ImageSize / PatchSize;

    /// <summary>Side in pixels of the square that pictures are made into.</summary>
    public int InputSize => Input ?? ImageSize;

    /// <summary>The grid of patches of a picture.</summary>
    public VisualGrid InputGrid => new(InputSize / PatchSize, InputSize / PatchSize);

    /// <summary>Rows of a picture without prefix rows: its patches, and the class token where there is one.</summary>
    public int InputRows => InputGrid.Count + (ClassToken ? 1 : 0);

    /// <summary>Side in patches of the windows that a block attends in; 0 for everywhere.</summary>
    /// <param name="block">The block.</param>
    public int WindowOf(int block) => GlobalBlocks.Contains(block) ? 0 : WindowSize;

    /// <summary>Multiply-accumulates of one picture through all blocks, if no callback changes its rows.</summary>
    /// <param name="grid">Its grid of patches.</param>
    public long Macs(VisualGrid grid)
        => VisionMacs.Embedding(this, grid.Count)
            + Enumerable.Range(0, Layers).Sum(block => VisionMacs.Block(this, block, new VisionRows(grid, 0, ClassToken, null)));

    /// <summary>Checks that the sizes fit together.</summary>
    /// <param name="where">File name for messages.</param>
    /// <returns>The same configuration.</returns>
    /// <exception cref="ApertureException">They do not.</exception>
    public VisionTransformerConfig Validated(string where)
    {
        if (HiddenSize % Heads != 0)
        {
            throw new ApertureException($"{where}: hidden_size {HiddenSize} is not a multiple of num_attention_heads {Heads}.");
        }

        if (PatchSize > ImageSize)
        {
            throw new ApertureException($"{where}: patch_size {PatchSize} is larger than image_size {ImageSize}.");
        }

        if (PatchSize > InputSize)
        {
            throw new ApertureException($"{where}: an input size of {InputSize} holds no patch of {PatchSize} pixels.");
        }

        if (Activation is not ("quick_gelu" or "gelu" or "gelu_pytorch_tanh" or "silu"))
        {
            throw new ApertureException(
                $"{where}: hidden_act '{Activation}' is not supported in a vision tower; use quick_gelu, gelu, gelu_pytorch_tanh or silu.");
        }

        return Rotary is null || HiddenSize / Heads % 4 == 0
            ? this
            : throw new ApertureException($"{where}: rotary positions need heads of a multiple of 4 channels, not {HiddenSize / Heads}.");
    }
}
