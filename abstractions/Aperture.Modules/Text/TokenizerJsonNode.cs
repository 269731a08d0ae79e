using System.Text.Json;

namespace Aperture.Text;

/// <summary>A part of a <c>tokenizer.json</c> with the file's name for errors.</summary>
internal readonly record struct TokenizerJsonNode(JsonElement Json, string Source)
{
    public bool IsNull => Json.ValueKind is JsonValueKind.Null or JsonValueKind.Undefined;

    public string Type => Text("type") ?? throw Damaged("a part without a type");

    public TokenizerJsonNode this[string name]
        => new(Json.ValueKind == JsonValueKind.Object && Json.TryGetProperty(name, out JsonElement value) ? value : default, Source);

    public string? Text(string name) => this[name].Json is { ValueKind: JsonValueKind.String } value ? value.GetString() : null;

    public bool? Flag(string name) => this[name].Json.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        JsonValueKind.Null or JsonValueKind.Undefined => null,
        _ => throw Damaged($"the value {this[name].Json.GetRawText().ReplaceLineEndings(" ")} for '{name}', which is true or false"),
    };

    public int? Number(string name) => this[name].Json is { ValueKind: JsonValueKind.Number } value && value.TryGetInt32(out int number) ? number : null;

    public IEnumerable<TokenizerJsonNode> Items(string name)
    {
        string source = Source;
        TokenizerJsonNode list = this[name];
        return list.IsNull ? [] : list.Json.ValueKind == JsonValueKind.Array
            ? list.Json.EnumerateArray().Select(item => new TokenizerJsonNode(item, source))
            : throw Damaged($"'{name}' that is no list");
    }

    public ApertureException Damaged(string what) => new($"{Source} has {what}; the file is damaged or made for another program.");

    public ApertureException Unsupported(string what)
        => new($"{Source} asks for the {what} '{Type}', which is not supported; use a checkpoint with a tokenizer.model or another tokenizer.json.");
}
