using System.Text.Json;
using Aperture.Measuring;

namespace Aperture.Plugins.GammaMod;

/// <summary>Which layers become MoD layers: the official modes by name, or a list.</summary>
internal static class LayerModes
{
    /// <summary>The mode of the published models.</summary>
    public const string Published = "arank_mod";

    private static readonly Dictionary<string, Func<int, IEnumerable<int>>> _modes = new(StringComparer.OrdinalIgnoreCase)
    {
        [Published] = n => Enumerable.Range(0, n).Where(layer => layer > 2 && layer < n - 1),
        ["first_half"] = n => Enumerable.Range(0, n / 2),
        ["second_half"] = n => Between(n / 2, n - 2),
        ["sparse"] = n => Enumerable.Range(0, n).Where(layer => layer % 2 == 0),
        ["dense"] = n => Enumerable.Range(0, n),
        ["first_last_dense"] = n => Between(1, n - 2),
        ["last_two_thirds"] = n => Between((n / 3) + 2, n - 2),
        ["first_five_dense"] = n => Between(5, n - 2),
    };

    public static IEnumerable<string> Names => _modes.Keys;

    /// <summary>Whether a known mode leaves a decoder any layer that tokens may skip.</summary>
    public static bool Leaves(string mode, int layers) => _modes[mode](layers).Any();

    /// <summary>The layers of a mode, ascending.</summary>
    /// <param name="mode">The mode's name.</param>
    /// <param name="layers">Number of layers of the decoder.</param>
    /// <exception cref="ApertureException">The mode is unknown, or leaves no layer of so small a decoder.</exception>
    public static int[] Of(string mode, int layers)
    {
        if (!_modes.TryGetValue(mode, out Func<int, IEnumerable<int>>? rule))
        {
            throw GammaModFactory.Error($"there is no mode '{mode}'; Layers can be a list or {string.Join(", ", Names)}");
        }

        int[] chosen = [.. rule(layers)];
        return chosen.Length > 0 ? chosen : throw GammaModFactory.Error($"Layers '{mode}' leaves no layer of {layers} that tokens may skip; give a list");
    }

    /// <summary>The layers that an option names, ascending; null where it names none.</summary>
    /// <param name="option">A list or a mode.</param>
    /// <param name="model">Name of the model, for messages.</param>
    /// <param name="layers">Number of layers of the decoder.</param>
    /// <exception cref="ApertureException">An entry is no layer or stands twice.</exception>
    public static int[]? Named(JsonElement? option, string model, int layers)
    {
        if (option is not { ValueKind: JsonValueKind.String or JsonValueKind.Array } given)
        {
            return null;
        }

        return given.ValueKind == JsonValueKind.String
            ? Of(given.GetString()!, layers)
            : Checked([.. given.EnumerateArray().Select(entry => entry.ValueKind == JsonValueKind.Number && entry.TryGetInt32(out int layer)
                ? layer
                : throw GammaModFactory.Error($"Layers has the entry {entry.GetRawText()}; entries are whole numbers"))], "Layers", model, layers);
    }

    /// <summary>The same layers, ascending.</summary>
    /// <param name="given">Layers.</param>
    /// <param name="where">Where they stand, for messages.</param>
    /// <param name="model">Name of the model, for messages.</param>
    /// <param name="layers">Number of layers of the decoder.</param>
    /// <exception cref="ApertureException">There are none, one does not exist or stands twice.</exception>
    public static int[] Checked(int[] given, string where, string model, int layers)
    {
        if (given.Length == 0)
        {
            throw GammaModFactory.Error($"{where} names no layer; name at least one, or leave the method out");
        }

        HashSet<int> seen = [];
        foreach (int layer in given)
        {
            if (layer < 0 || layer >= layers)
            {
                throw GammaModFactory.Error($"{where} names layer {layer}, but {model} has layers 0 to {layers - 1}");
            }

            if (!seen.Add(layer))
            {
                throw GammaModFactory.Error($"{where} names layer {layer} twice; name each once");
            }
        }

        return [.. given.Order()];
    }

    private static IEnumerable<int> Between(int first, int last) => Enumerable.Range(first, Math.Max(0, last - first + 1));
}
