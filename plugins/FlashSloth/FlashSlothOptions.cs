using System.ComponentModel.DataAnnotations;
using System.Text.Json.Serialization;
using Aperture.Plugins.FlashSloth.Embq;

namespace Aperture.Plugins.FlashSloth;

/// <summary>What a user may set for <c>flashsloth</c>. Defaults are those of the published checkpoints.</summary>
// Settable, not init-only: source-generated JSON gives init-only properties that are absent no default value.
internal sealed record FlashSlothOptions : IMethodOptions
{
    /// <summary>How patches become tokens: Attention as trained, Average (of whole squares, an ablation), or None.</summary>
    public PoolMode PoolMode { get; set; } = PoolMode.Attention;

    /// <summary>Side in patches of the squares that become one token; 1 keeps all. Where it does not divide a side, the last squares are smaller.</summary>
    [Range(1, 1024)]
    public int PoolSize { get; set; } = 3;

    /// <summary>Whether queries are updated inside the decoder; else they stay learned rows.</summary>
    public bool EmbQ { get; set; } = true;

    /// <summary>The decoder layer before which queries are updated, from 0.</summary>
    [Range(0, 1023)]
    public int InjectLayer { get; set; } = 7;

    /// <summary>Which question the queries of a later turn read: PerTurn as in training, or FirstTurn as the official code does when it answers.</summary>
    public QuestionRange QuestionRange { get; set; } = QuestionRange.PerTurn;

    /// <summary>Whether patches are averaged before the value matrix of the queries' block, which is cheaper and the same up to rounding.</summary>
    public bool FuseValueProjection { get; set; }
}

/// <summary>How patches become tokens.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<PoolMode>))]
internal enum PoolMode
{
    /// <summary>By trained weights.</summary>
    Attention,

    /// <summary>By plain means of whole squares.</summary>
    Average,

    /// <summary>Each patch is a token.</summary>
    None,
}
