using System.Collections.Frozen;
using System.Text.Json;

namespace Aperture.Text;

/// <summary>
/// The conversation templates of published models under the names of their official code.
/// VILA's <c>llama_3</c> is that of the corrected 8B weights; <c>llama_3_2024_05</c> that of the first release. <c>llava_hf</c> is that of the llava-hf
/// checkpoints.
/// </summary>
public static class PromptTemplates
{
    private static readonly FrozenDictionary<string, PromptTemplate> _all = Load();

    /// <summary>All templates by name.</summary>
    public static IReadOnlyDictionary<string, PromptTemplate> All => _all;

    /// <summary>A template by name.</summary>
    /// <param name="name">The name, case and all: <c>Hermes-2</c> is InternVL's, <c>hermes-2</c> VILA's.</param>
    /// <exception cref="ApertureException">There is none of that name.</exception>
    public static PromptTemplate Get(string name) => _all.TryGetValue(name, out PromptTemplate? template)
        ? template
        : throw new ApertureException($"No prompt template '{name}'; there are {string.Join(", ", _all.Keys.Order(StringComparer.Ordinal))}.");

    private static FrozenDictionary<string, PromptTemplate> Load()
    {
        using Stream stream = typeof(PromptTemplates).Assembly.GetManifestResourceStream("Aperture.Text.templates.json")
            ?? throw new InvalidOperationException("The resource Aperture.Text.templates.json is missing.");
        using JsonDocument document = JsonDocument.Parse(stream);
        return document.RootElement.EnumerateObject()
            .Select(entry => Read(entry.Name, entry.Value))
            .ToFrozenDictionary(template => template.Name, StringComparer.Ordinal);
    }

    private static PromptTemplate Read(string name, JsonElement json) => new()
    {
        Name = name,
        Style = json.GetProperty("style").GetString() switch
        {
            "single" => PromptStyle.Single,
            "two" => PromptStyle.Two,
            "mpt" => PromptStyle.Mpt,
            "llama2" => PromptStyle.Llama2,
            "llama3" => PromptStyle.Llama3,
            "plain" => PromptStyle.Plain,
            "qwen2" => PromptStyle.Qwen2,
            "phi3" => PromptStyle.Phi3,
            "internvl_zh" => PromptStyle.InternVlZh,
            "llava_hf" => PromptStyle.LlavaHf,
            var style => throw new InvalidOperationException($"The template '{name}' has the unknown style '{style}'."),
        },
        SystemTemplate = Text(json, "system_template") ?? "{system_message}",
        SystemMessage = Text(json, "system") ?? "",
        UserRole = Text(json, "user") ?? "",
        AssistantRole = Text(json, "assistant") ?? "",
        Separator = Text(json, "separator") ?? "",
        Separator2 = Text(json, "separator2"),
        Version = Text(json, "version") ?? "",
        Examples = json.TryGetProperty("messages", out JsonElement messages) ? [.. messages.EnumerateArray().Select(message => message.GetString()!)] : [],
    };

    private static string? Text(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetString() : null;
}
