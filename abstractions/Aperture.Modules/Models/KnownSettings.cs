using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;

namespace Aperture.Models;

/// <summary>What becomes of a setting that a checkpoint's file has.</summary>
public enum SettingUse
{
    /// <summary>It is read and acted on.</summary>
    Used,

    /// <summary>It changes no answer.</summary>
    Harmless,

    /// <summary>What it asks for is not done.</summary>
    Refused,
}

/// <summary>A setting that published checkpoints have.</summary>
/// <param name="Use">What becomes of it.</param>
/// <param name="Note">Of a harmless one why it is; of a refused one the values, joined by commas, that ask for nothing.</param>
public sealed record KnownSetting(SettingUse Use, string Note);

/// <summary>
/// The settings in the files of published checkpoints, a list by kind of file, so that whatever a file says is acted on, changes nothing, or is refused or
/// told.
/// </summary>
public static class KnownSettings
{
    /// <summary>The list of <c>config.json</c>.</summary>
    public const string Config = "config";

    /// <summary>The list of what every configuration may have, nested ones too.</summary>
    public const string Any = "any";

    /// <summary>The list of <c>text_config</c>.</summary>
    public const string Text = "text";

    /// <summary>The list of <c>vision_config</c>.</summary>
    public const string Vision = "vision";

    /// <summary>The list of <c>generation_config.json</c>.</summary>
    public const string Generation = "generation";

    /// <summary>The list of <c>preprocessor_config.json</c>, and of what <c>processor_config.json</c> nests.</summary>
    public const string Pictures = "pictures";

    /// <summary>The list of <c>processor_config.json</c>.</summary>
    public const string Processor = "processor";

    /// <summary>The list of <c>tokenizer_config.json</c>.</summary>
    public const string Tokenizer = "tokenizer";

    /// <summary>The list of <c>adapter_config.json</c>.</summary>
    public const string Adapter = "adapter";

    private const int LongestValue = 40;
    private static readonly FrozenDictionary<string, FrozenDictionary<string, KnownSetting>> _lists = Load();

    /// <summary>The settings of a kind of file.</summary>
    /// <param name="list">The list's name.</param>
    public static IReadOnlyDictionary<string, KnownSetting> Of(string list) => _lists[list];

    /// <summary>Tells in one line what of a file is not done: settings that are refused, and keys that nothing here reads.</summary>
    /// <param name="json">The file's object.</param>
    /// <param name="list">Its list.</param>
    /// <param name="where">Its name.</param>
    /// <param name="tell">Gets the line.</param>
    public static void Tell(JsonElement json, string list, string where, Action<string> tell)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        string[] refused = [.. Asking(json, list).Select(entry => $"{entry.Name} {Short(entry.Value)}")];
        string[] unknown =
        [
            .. json.EnumerateObject().Where(entry => Find(list, entry.Name) is null && !AsksNothing(entry.Value, "")).Select(entry => entry.Name),
        ];
        string[] parts =
        [
            .. refused.Length > 0 ? [$"not done is {string.Join(", ", refused)}"] : Array.Empty<string>(),
            .. unknown.Length > 0 ? [$"nothing here reads {string.Join(", ", unknown)}"] : Array.Empty<string>(),
        ];
        if (parts.Length > 0)
        {
            tell($"{where}: {string.Join("; ", parts)}; answers may differ from its authors'.");
        }
    }

    /// <summary>Refuses a configuration that asks for what is not done, and tells of keys that nothing here reads.</summary>
    /// <param name="json">The configuration's object.</param>
    /// <param name="list">Its list.</param>
    /// <param name="where">Its name.</param>
    /// <param name="tell">Gets the line about keys.</param>
    /// <exception cref="ApertureException">A setting asks for what is not done.</exception>
    public static void Require(JsonElement json, string list, string where, Action<string> tell)
    {
        if (json.ValueKind == JsonValueKind.Object && Asking(json, list).Cast<JsonProperty?>().FirstOrDefault() is { } first)
        {
            throw new ApertureException($"{where}: {first.Name} is {Short(first.Value)}, which is not supported; take a checkpoint without it.");
        }

        Tell(json, list, where, tell);
    }

    private static IEnumerable<JsonProperty> Asking(JsonElement json, string list)
        => json.EnumerateObject().Where(entry => Find(list, entry.Name) is { Use: SettingUse.Refused } known && !AsksNothing(entry.Value, known.Note));

    private static KnownSetting? Find(string list, string key)
        => _lists[list].GetValueOrDefault(key) ?? (list is Config or Text or Vision ? _lists[Any].GetValueOrDefault(key) : null);

    private static bool AsksNothing(JsonElement value, string allowed) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.GetString()!.Length == 0 || allowed.Split(", ").Contains(value.GetString()),
        JsonValueKind.Number => allowed.Split(", ").Any(
            text => double.TryParse(text, CultureInfo.InvariantCulture, out double number) && value.TryGetDouble(out double own) && own == number),
        _ => false,
    };

    private static string Short(JsonElement value)
        => value.GetRawText().ReplaceLineEndings(" ") is var text && text.Length <= LongestValue ? text : text[..LongestValue] + "…";

    private static FrozenDictionary<string, FrozenDictionary<string, KnownSetting>> Load()
    {
        using Stream stream = typeof(KnownSettings).Assembly.GetManifestResourceStream("Aperture.Models.settings.txt")
            ?? throw new InvalidOperationException("The resource Aperture.Models.settings.txt is missing.");
        using StreamReader reader = new(stream);
        Dictionary<string, Dictionary<string, KnownSetting>> lists = new(StringComparer.Ordinal);
        Dictionary<string, KnownSetting>? list = null;
        while (reader.ReadLine() is { } line)
        {
            if (line.StartsWith('['))
            {
                lists[line.Trim('[', ']')] = list = new(StringComparer.Ordinal);
            }
            else if (line.Length > 0 && line[0] != '#')
            {
                string[] parts = line.Split('|', StringSplitOptions.TrimEntries);
                list!.Add(parts[0], new KnownSetting(Enum.Parse<SettingUse>(parts[1], ignoreCase: true), parts.Length > 2 ? parts[2] : ""));
            }
        }

        return lists.ToFrozenDictionary(entry => entry.Key, entry => entry.Value.ToFrozenDictionary(StringComparer.Ordinal), StringComparer.Ordinal);
    }
}
