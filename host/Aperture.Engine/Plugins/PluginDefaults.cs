using System.Buffers;
using System.Text.Json;

namespace Aperture.Plugins;

/// <summary>
/// Lays the default options of <c>plugins.json</c> under the options a user gives. A property of the defaults that is named like one of the plugin's
/// methods or tasks and holds an object belongs to that one alone; every other property goes to each of them. Per name (without regard to case) the user's
/// value wins, then the method's own default.
/// </summary>
public static class PluginDefaults
{
    /// <summary>The options a method is made with, or a task is opened with.</summary>
    /// <param name="method">Its name.</param>
    /// <param name="pluginMethods">The names of all methods and tasks of its plugin.</param>
    /// <param name="defaults">The plugin's default options; undefined for none.</param>
    /// <param name="options">The user's options: an object, or undefined or null for none. Anything else is handed on for it to refuse.</param>
    public static JsonElement Apply(string method, IReadOnlyCollection<string> pluginMethods, JsonElement defaults, JsonElement options)
    {
        bool given = options.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);
        if (defaults.ValueKind != JsonValueKind.Object || (given && options.ValueKind != JsonValueKind.Object))
        {
            return options;
        }

        List<JsonProperty> own = [];
        List<JsonProperty> common = [];
        foreach (JsonProperty property in defaults.EnumerateObject())
        {
            bool perMethod = property.Value.ValueKind == JsonValueKind.Object && pluginMethods.Contains(property.Name, StringComparer.OrdinalIgnoreCase);
            if (!perMethod)
            {
                common.Add(property);
            }
            else if (string.Equals(property.Name, method, StringComparison.OrdinalIgnoreCase))
            {
                own.AddRange(property.Value.EnumerateObject());
            }
        }

        return Under(options, own.Concat(common));
    }

    /// <summary>Options with others where they name none.</summary>
    /// <param name="options">The options: an object, or undefined or null for none. Anything else is handed on for a method to refuse.</param>
    /// <param name="others">The others; of several with one name the first counts.</param>
    public static JsonElement Under(JsonElement options, IEnumerable<JsonProperty> others)
    {
        bool given = options.ValueKind is not (JsonValueKind.Undefined or JsonValueKind.Null);
        if (given && options.ValueKind != JsonValueKind.Object)
        {
            return options;
        }

        // The user's own repetitions of a name are kept as written: refusing them is the method's business.
        JsonProperty[] user = given ? [.. options.EnumerateObject()] : [];
        HashSet<string> names = new(user.Select(property => property.Name), StringComparer.OrdinalIgnoreCase);
        List<JsonProperty> all = [.. user, .. others.Where(property => names.Add(property.Name))];
        ArrayBufferWriter<byte> buffer = new();
        using (Utf8JsonWriter writer = new(buffer))
        {
            writer.WriteStartObject();
            foreach (JsonProperty property in all)
            {
                property.WriteTo(writer);
            }

            writer.WriteEndObject();
        }

        using JsonDocument merged = JsonDocument.Parse(buffer.WrittenMemory);
        return merged.RootElement.Clone();
    }
}
