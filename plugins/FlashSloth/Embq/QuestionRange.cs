using System.Text.Json.Serialization;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>Which question the queries of a later turn read.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<QuestionRange>))]
internal enum QuestionRange
{
    /// <summary>Their own turn's, as in training.</summary>
    PerTurn,

    /// <summary>The first turn's, as the official code does when it answers.</summary>
    FirstTurn,
}
