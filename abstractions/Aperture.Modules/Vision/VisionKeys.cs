namespace Aperture.Vision;

/// <summary>
/// How a checkpoint names the tensors of a vision transformer. Names of layers are without <c>.weight</c>; those of a block stand behind its number.
/// </summary>
public sealed record VisionKeys
{
    /// <summary>The patch embedding.</summary>
    public required string Patches { get; init; }

    /// <summary>The class token's row, whole name.</summary>
    public string ClassEmbedding { get; init; } = "";

    /// <summary>The position table, whole name.</summary>
    public string Positions { get; init; } = "";

    /// <summary>The norm before the first block.</summary>
    public string PreNorm { get; init; } = "";

    /// <summary>The norm behind the last block.</summary>
    public string PostNorm { get; init; } = "";

    /// <summary>What stands before a block's number, with its dot.</summary>
    public required string Blocks { get; init; }

    /// <summary>The norm before attention.</summary>
    public required string Norm1 { get; init; }

    /// <summary>Query, key and value in one matrix, in this order; null where they are three.</summary>
    public string? Fused { get; init; }

    /// <summary>The queries' matrix.</summary>
    public string Query { get; init; } = "";

    /// <summary>The keys' matrix.</summary>
    public string Key { get; init; } = "";

    /// <summary>The values' matrix.</summary>
    public string Value { get; init; } = "";

    /// <summary>The queries' bias, whole name; null for the matrix' name with <c>.bias</c>.</summary>
    public string? QueryBias { get; init; }

    /// <summary>The values' bias, whole name; null for the matrix' name with <c>.bias</c>.</summary>
    public string? ValueBias { get; init; }

    /// <summary>The norm of the queries.</summary>
    public string QueryNorm { get; init; } = "";

    /// <summary>The norm of the keys.</summary>
    public string KeyNorm { get; init; } = "";

    /// <summary>Attention's output matrix.</summary>
    public required string Output { get; init; }

    /// <summary>The table of relative rows, whole name.</summary>
    public string RelativeRows { get; init; } = "";

    /// <summary>The table of relative columns, whole name.</summary>
    public string RelativeColumns { get; init; } = "";

    /// <summary>The scale of what attention adds, whole name.</summary>
    public string Scale1 { get; init; } = "";

    /// <summary>The norm before the feed-forward network.</summary>
    public required string Norm2 { get; init; }

    /// <summary>The gate of a gated feed-forward network.</summary>
    public string Gate { get; init; } = "";

    /// <summary>The feed-forward network's first matrix.</summary>
    public required string Up { get; init; }

    /// <summary>The norm before the feed-forward network's last matrix.</summary>
    public string FeedForwardNorm { get; init; } = "";

    /// <summary>The feed-forward network's last matrix.</summary>
    public required string Down { get; init; }

    /// <summary>The scale of what the feed-forward network adds, whole name.</summary>
    public string Scale2 { get; init; } = "";
}
