using System.Collections.Frozen;
using System.Globalization;
using System.Reflection;
using System.Text.Json;

namespace Aperture.Models;

/// <summary>
/// What becomes of each setting in a kind of file, so that whatever a file says is acted on, changes nothing, or is refused or told. Model families whose files
/// are of their own kind bring a list along.
/// </summary>
public sealed class SettingsList
{
    private const int LongestValue = 40;

    private readonly FrozenDictionary<string, KnownSetting> _settings;

    private SettingsList(IEnumerable<KeyValuePair<string, KnownSetting>> settings) => _settings = settings.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The settings by their names.</summary>
    public IReadOnlyDictionary<string, KnownSetting> Settings => _settings;

    /// <summary>
    /// Reads lists: <c>[name]</c>, and below it a line for each setting, <c>key | used, harmless or refused | note</c>; <c>#</c> begins a comment.
    /// </summary>
    /// <param name="assembly">The assembly that holds them.</param>
    /// <param name="resource">The resource's name.</param>
    /// <returns>The lists by their names.</returns>
    public static IReadOnlyDictionary<string, SettingsList> Read(Assembly assembly, string resource)
    {
        using Stream stream = assembly.GetManifestResourceStream(resource)
            ?? throw new InvalidOperationException($"The resource {resource} is missing from {assembly.GetName().Name}.");
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

        return lists.ToFrozenDictionary(entry => entry.Key, entry => new SettingsList(entry.Value), StringComparer.Ordinal);
    }

    /// <summary>This list and what another one has beside it.</summary>
    /// <param name="other">The other list; where both have a setting this one's counts.</param>
    public SettingsList With(SettingsList other) => new(_settings.Concat(other._settings.Where(entry => !_settings.ContainsKey(entry.Key))));

    /// <summary>Tells in one line what of a file is not done: settings that are refused, and keys that nothing here reads.</summary>
    /// <param name="json">The file's object.</param>
    /// <param name="where">Its name.</param>
    /// <param name="tell">Gets the line.</param>
    public void Tell(JsonElement json, string where, Action<string> tell)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            return;
        }

        string[] refused = [.. Asking(json).Select(entry => $"{entry.Name} {Short(entry.Value)}")];
        string[] unknown =
        [
            .. json.EnumerateObject().Where(entry => !_settings.ContainsKey(entry.Name) && !AsksNothing(entry.Value, "")).Select(entry => entry.Name),
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
    /// <param name="where">Its name.</param>
    /// <param name="tell">Gets the line about keys.</param>
    /// <exception cref="ApertureException">A setting asks for what is not done.</exception>
    public void Require(JsonElement json, string where, Action<string> tell)
    {
        if (json.ValueKind == JsonValueKind.Object && Asking(json).Cast<JsonProperty?>().FirstOrDefault() is { } first)
        {
            throw new ApertureException($"{where}: {first.Name} is {Short(first.Value)}, which is not supported; take a checkpoint without it.");
        }

        Tell(json, where, tell);
    }

    private IEnumerable<JsonProperty> Asking(JsonElement json)
        => json.EnumerateObject().Where(
            entry => _settings.TryGetValue(entry.Name, out KnownSetting? known) && known.Use == SettingUse.Refused && !AsksNothing(entry.Value, known.Note));

    private static bool AsksNothing(JsonElement value, string allowed) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.GetString()!.Length == 0 || allowed.Split(", ").Contains(value.GetString()),
        JsonValueKind.Number => allowed.Split(", ").Any(
            text => double.TryParse(text, CultureInfo.InvariantCulture, out double number) && value.TryGetDouble(out double own) && own == number),
        JsonValueKind.True => allowed.Split(", ").Contains("true"),
        _ => false,
    };

    private static string Short(JsonElement value)
        => value.GetRawText().ReplaceLineEndings(" ") is var text && text.Length <= LongestValue ? text : text[..LongestValue] + "…";
}
