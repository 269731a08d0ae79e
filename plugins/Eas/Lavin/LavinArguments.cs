using System.Globalization;
using System.Text.Json;
using Aperture.Weights;

namespace Aperture.Plugins.Eas.Lavin;

/// <summary>
/// What an adapter file says of how it was trained: the arguments of the training script, which lie in it beside the weights. They become the options of the
/// model's own method, which the weights alone do not tell: the layers without attention, and the constants of the adapters.
/// </summary>
internal static class LavinArguments
{
    /// <summary>The options that a file asks for.</summary>
    /// <param name="adapters">The open adapter file; one without arguments asks for none.</param>
    /// <returns>A JSON object.</returns>
    public static JsonElement Options(IWeightSource adapters)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            json.WriteStartObject();
            if (adapters is TorchFile { Content: PickledDictionary saved }
                && saved.TryGetValue("args", out object? args)
                && args is PickledObject { State: PickledDictionary given })
            {
                AddNumber(json, nameof(EasOptions.Temperature), given, "temperature");
                AddNumber(json, nameof(EasOptions.Scale), given, "adapter_scale");
                if (given.TryGetValue("skip_list", out object? list) && Layers(list) is { } layers)
                {
                    json.WriteStartArray(nameof(EasOptions.SkipLayers));
                    Array.ForEach(layers, json.WriteNumberValue);
                    json.WriteEndArray();
                }
            }

            json.WriteEndObject();
        }

        using JsonDocument document = JsonDocument.Parse(buffer.ToArray());
        return document.RootElement.Clone();
    }

    private static void AddNumber(Utf8JsonWriter json, string option, PickledDictionary given, string argument)
    {
        if (given.TryGetValue(argument, out object? value) && value is double or long)
        {
            json.WriteNumber(option, Convert.ToDouble(value, CultureInfo.InvariantCulture));
        }
    }

    // A text such as "[24, 23, 19]", or a list of numbers. Anything else is nothing that this can read: the user has to say.
    private static int[]? Layers(object? list)
    {
        string[]? items = list switch
        {
            string text when text.StartsWith('[') && text.EndsWith(']')
                => text[1..^1].Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries),
            PickledSequence sequence => [.. sequence.Select(item => Convert.ToString(item, CultureInfo.InvariantCulture) ?? "")],
            _ => null,
        };
        if (items is null)
        {
            return null;
        }

        int[] layers = new int[items.Length];
        for (int i = 0; i < layers.Length; i++)
        {
            if (!int.TryParse(items[i], NumberStyles.None, CultureInfo.InvariantCulture, out layers[i]))
            {
                return null;
            }
        }

        return layers;
    }
}
