using System.Text.Json;

namespace Aperture.Jupyter;

/// <summary>A request that has been checked.</summary>
/// <param name="Identities">The routing frames: where an answer has to go.</param>
/// <param name="Type">The message type, for example <c>execute_request</c>.</param>
/// <param name="Header">The header as it came; answers carry it as their parent.</param>
/// <param name="Content">The content, an object.</param>
internal sealed record JupyterMessage(IReadOnlyList<byte[]> Identities, string Type, byte[] Header, JsonElement Content)
{
    /// <summary>The type of the answer: <c>execute_reply</c> for <c>execute_request</c>.</summary>
    public string ReplyType => Type.EndsWith("_request", StringComparison.Ordinal) ? Type[..^"request".Length] + "reply" : Type + "_reply";

    /// <summary>A text of the content, or a default where it is absent.</summary>
    /// <exception cref="ApertureException">It is there and no text.</exception>
    public string Text(string name, string? fallback = null)
        => !Content.TryGetProperty(name, out JsonElement value)
            ? fallback ?? throw new ApertureException($"{Type} needs '{name}'.")
            : value.ValueKind == JsonValueKind.String
                ? value.GetString()!
                : throw new ApertureException($"{Type} has '{name}' of type {value.ValueKind}; it must be a string.");

    /// <summary>A flag of the content, or a default where it is absent.</summary>
    public bool Flag(string name, bool fallback)
        => Content.TryGetProperty(name, out JsonElement value) && value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : fallback;

    /// <summary>A whole number of the content, or a default where it is absent.</summary>
    public int Number(string name, int fallback)
        => Content.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int number)
            ? number
            : fallback;
}
