using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Search;

namespace Aperture.Plugins.Eas;

/// <summary>Which layers go without attention: as a user wrote it, as a search found it, or as a checkpoint implies it.</summary>
internal static class SkipList
{
    /// <summary>Refuses a value that is neither a list nor a file's name.</summary>
    public static void CheckForm(JsonElement? value)
    {
        if (IsGiven(value) && value!.Value.ValueKind is not (JsonValueKind.Array or JsonValueKind.String))
        {
            throw EasAdapters.Error($"SkipLayers must be a list of layers such as [3, 5], or a file that a search wrote, not {value.Value.GetRawText()}");
        }
    }

    public static bool IsGiven(JsonElement? value) => value is { ValueKind: not (JsonValueKind.Null or JsonValueKind.Undefined) };

    /// <summary>The layers that an option names, in the order given.</summary>
    /// <param name="value">A list, or the name of a search's file.</param>
    /// <param name="decoder">The decoder.</param>
    /// <param name="files">Finds the file.</param>
    /// <param name="count">Only the first so many of a search's list; null for all.</param>
    /// <exception cref="ApertureException">A layer does not exist or stands twice, or the file is no search's.</exception>
    public static int[] Read(JsonElement value, DecoderInfo decoder, IMethodFiles files, int? count = null)
    {
        CheckForm(value);
        int[] layers;
        if (value.ValueKind == JsonValueKind.String)
        {
            string path = files.Resolve(value.GetString()!);
            SearchResult result = SearchResult.Read(path);
            if (result.Scores.Count != decoder.Layers)
            {
                throw EasAdapters.Error($"{path} was searched on {result.Scores.Count} layers, but {decoder.Model} has {decoder.Layers}; search on this model");
            }

            layers = result.Best(count ?? result.K);
        }
        else
        {
            layers = [.. value.EnumerateArray().Select(item => item.ValueKind == JsonValueKind.Number && item.TryGetInt32(out int layer)
                ? layer
                : throw EasAdapters.Error($"SkipLayers holds {item.GetRawText()}, which is no layer; layers are whole numbers from 0"))];
        }

        foreach (int layer in layers)
        {
            if (layer < 0 || layer >= decoder.Layers)
            {
                throw EasAdapters.Error($"SkipLayers names layer {layer}, but {decoder.Model} has layers 0 to {decoder.Layers - 1}");
            }

            if (layers.Count(other => other == layer) > 1)
            {
                throw EasAdapters.Error($"SkipLayers names layer {layer} twice");
            }
        }

        return layers;
    }

    /// <summary>The layers that have only a replaced adapter, or no attention weights.</summary>
    /// <exception cref="ApertureException">Layers have both adapters and attention, as after a search: nothing says which are skipped.</exception>
    public static int[] Implied(EasAdapters adapters, DecoderInfo decoder)
    {
        List<int> skipped = [];
        for (int layer = 0; layer < decoder.Layers; layer++)
        {
            if (adapters.Propagation[layer] is null)
            {
                continue;
            }

            if (adapters.Ordinary[layer] is not null && !decoder.LayersWithoutAttention.Contains(layer))
            {
                throw EasAdapters.Error(
                    $"{adapters.Origin} has both adapters in layer {layer}, as a search leaves them, so it does not say which layers are skipped; give "
                    + "SkipLayers");
            }

            skipped.Add(layer);
        }

        return [.. skipped];
    }

    /// <summary>Checks that every layer has what it needs.</summary>
    /// <exception cref="ApertureException">A skipped layer has no replaced adapter, or a kept one no attention or no adapter before it.</exception>
    public static void Check(IReadOnlyCollection<int> skipped, EasAdapters adapters, DecoderInfo decoder)
    {
        string trained = string.Join(", ", Enumerable.Range(0, decoder.Layers).Where(layer => adapters.Propagation[layer] is not null));
        string hint = $"replaced_adapter is there for layers {(trained.Length == 0 ? "none" : trained)}";
        for (int layer = 0; layer < decoder.Layers; layer++)
        {
            if (skipped.Contains(layer))
            {
                if (adapters.Propagation[layer] is null)
                {
                    throw EasAdapters.Error(
                        $"layer {layer} is to be skipped, but {adapters.Origin} has no replaced_adapter for it ({hint}); give SkipLayers that fit or train "
                        + "that list");
                }
            }
            else if (decoder.LayersWithoutAttention.Contains(layer))
            {
                throw EasAdapters.Error($"layer {layer} is to be kept, but {decoder.Model} has no attention weights there (self_attn); add it to SkipLayers");
            }
            else if (adapters.Ordinary[layer] is null)
            {
                throw EasAdapters.Error(
                    $"layer {layer} is to be kept, but {adapters.Origin} has no adapter_attn for it ({hint}); add it to SkipLayers or train that list");
            }
        }
    }
}
