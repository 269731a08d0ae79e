using System.Text.Json;
using Aperture.Files;

namespace Aperture.Models;

/// <summary>Finds the chat template of a checkpoint's folder, wherever it stands.</summary>
/// <param name="Text">The template.</param>
/// <param name="Where">The file's name.</param>
public sealed record ChatTemplateFiles(string Text, string Where)
{
    private const int Longest = 1 << 20;
    private const string Key = "chat_template", File = "chat_template.jinja";

    // A processor's template comes before the one of its tokenizer.
    private static readonly string[] _files = ["chat_template.json", "processor_config.json", "tokenizer_config.json"];

    /// <summary>Finds the template.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The template; null where there is none.</returns>
    /// <exception cref="ApertureException">A file is damaged, or larger than a template ever is.</exception>
    public static ChatTemplateFiles? Find(ModelFolder folder)
    {
        if (folder.Has(File))
        {
            return new(InputFile.Text(folder.At(File), Longest), folder.At(File));
        }

        return _files.Where(folder.Has).Select(file => In(folder.Settings(file), folder.At(file))).FirstOrDefault(found => found is not null);
    }

    private static ChatTemplateFiles? In(JsonElement json, string where)
    {
        if (!json.TryGetProperty(Key, out JsonElement value) || value.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        if (value.ValueKind == JsonValueKind.Array)
        {
            // Several under names.
            value = value.EnumerateArray()
                .FirstOrDefault(entry => entry.ValueKind == JsonValueKind.Object && entry.TryGetProperty("name", out JsonElement name)
                    && name.ValueKind == JsonValueKind.String && name.ValueEquals("default"));
            value = value.ValueKind == JsonValueKind.Object && value.TryGetProperty("template", out JsonElement template) ? template : default;
        }

        return value.ValueKind switch
        {
            JsonValueKind.String => new(value.GetString()!, where),
            JsonValueKind.Undefined => null, // several, and none that is meant where nobody names one
            _ => throw new ApertureException($"{where}: {Key} is {value.GetRawText().ReplaceLineEndings(" ")} but must be a text."),
        };
    }
}
