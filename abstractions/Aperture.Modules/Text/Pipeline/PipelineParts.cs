using Aperture.Models;

namespace Aperture.Text;

/// <summary>The links of the chain in <see cref="PipelineTokenizer"/>.</summary>
internal sealed record PipelineParts
{
    public required ITokenModel Model { get; init; }

    /// <summary>Done to the whole text before added tokens are looked for.</summary>
    public Func<string, string> Prepare { get; init; } = text => text;

    /// <summary>Done to each part between added tokens.</summary>
    public Func<string, string> Normalize { get; init; } = text => text;

    public PreTokenizers.Step PreTokenize { get; init; } = (pieces, _) => pieces;

    /// <summary>Whether added tokens marked as normalised are looked for after normalisation; the Python classes look for all of them before.</summary>
    public bool SplitsNormalized { get; init; }

    public IReadOnlyList<int> Prefix { get; init; } = [];

    public IReadOnlyList<int> Suffix { get; init; } = [];

    public required Func<List<(string Token, AddedToken? Added)>, string> Decode { get; init; }

    /// <summary>Whether added tokens that are written out in a text become their ids.</summary>
    public bool SplitsAdded { get; init; } = true;
}
