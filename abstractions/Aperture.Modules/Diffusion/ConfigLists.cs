using System.Text.Json;
using Aperture.Models;

namespace Aperture.Diffusion;

/// <summary>Lists in the configurations of diffusion models.</summary>
internal static class ConfigLists
{
    private const int MostLevels = 16;

    /// <summary>A list of sizes, each at least 1.</summary>
    public static int[] Sizes(ConfigReader config, string key, int[] fallback)
        => !config.Has(key) ? fallback : [.. Items(config, key).Select(item => item.TryGetSize(out int size) ? size : throw Bad(config, key))];

    /// <summary>One size for all levels, or a list with one a level.</summary>
    public static int[] PerLevel(ConfigReader config, string key, int fallback, int levels)
    {
        if (!config.Has(key) || config.Root.GetProperty(key).ValueKind != JsonValueKind.Array)
        {
            return [.. Enumerable.Repeat(config.Size(key, fallback), levels)];
        }

        int[] sizes = Sizes(config, key, []);
        return sizes.Length == levels ? sizes : throw config.Bad(key, config.Root.GetProperty(key), $"a number or a list of {levels}");
    }

    /// <summary>Names of blocks, as whether each is the one with attention.</summary>
    public static bool[] Blocks(ConfigReader config, string key, string plain, string attention, bool[] fallback)
        => !config.Has(key) ? fallback : [.. Items(config, key).Select(item => item.ValueKind == JsonValueKind.String && item.ValueEquals(attention)
            || (item.ValueKind == JsonValueKind.String && item.ValueEquals(plain)
                ? false
                : throw config.Bad(key, config.Root.GetProperty(key), $"a list of {plain} and {attention}")))];

    private static IEnumerable<JsonElement> Items(ConfigReader config, string key)
    {
        JsonElement list = config.Root.GetProperty(key);
        return list.ValueKind == JsonValueKind.Array && list.GetArrayLength() is > 0 and <= MostLevels
            ? list.EnumerateArray()
            : throw config.Bad(key, list, $"a list of 1 to {MostLevels}");
    }

    private static bool TryGetSize(this JsonElement item, out int size)
    {
        size = 0;
        return item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out size) && size is > 0 and <= 1 << 20;
    }

    private static ApertureException Bad(ConfigReader config, string key) => config.Bad(key, config.Root.GetProperty(key), "a list of sizes, each at least 1");
}
