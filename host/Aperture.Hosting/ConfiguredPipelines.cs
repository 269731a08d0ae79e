using System.Globalization;
using System.Text.Json;
using Aperture.Models;
using Aperture.Pipelines;
using Microsoft.Extensions.Configuration;

namespace Aperture.Hosting;

/// <summary>
/// Reads pipelines out of a program's configuration, which has lost what was text, number or list: texts that are numbers or truths count as such.
/// </summary>
internal static class ConfiguredPipelines
{
    private static readonly string[] _known =
    [
        nameof(ApertureOptions.Models), nameof(ApertureOptions.Pipelines), nameof(ApertureOptions.LoadOnStart), nameof(ApertureOptions.KeepPrefixes),
        nameof(ApertureOptions.PrefixMemory),
    ];

    /// <summary>Reads a section; what cannot be read becomes a line of <see cref="ApertureOptions.Problems"/>.</summary>
    public static void Read(IConfigurationSection section, ApertureOptions options)
    {
        foreach (IConfigurationSection child in section.GetChildren().Where(child => !_known.Contains(child.Key, StringComparer.OrdinalIgnoreCase)))
        {
            options.Problems.Add($"{child.Path} is not known; use {string.Join(", ", _known)}.");
        }

        Try(options, () => ReadModels(section.GetSection(nameof(ApertureOptions.Models)), options));
        ReadTruth(section.GetSection(nameof(ApertureOptions.LoadOnStart)), options, wanted => options.LoadOnStart = wanted);
        ReadTruth(section.GetSection(nameof(ApertureOptions.KeepPrefixes)), options, wanted => options.KeepPrefixes = wanted);
        IConfigurationSection memory = section.GetSection(nameof(ApertureOptions.PrefixMemory));
        if (memory.Value is { } bytes)
        {
            Try(options, () => options.PrefixMemory = long.TryParse(bytes, NumberStyles.None, CultureInfo.InvariantCulture, out long wanted)
                ? wanted
                : throw new ApertureException($"{memory.Path} is '{bytes}'; give a number of bytes."));
        }

        foreach (IConfigurationSection child in section.GetSection(nameof(ApertureOptions.Pipelines)).GetChildren())
        {
            Try(options, () => options.Pipelines[child.Key] = child.Value is { Length: > 0 } file
                ? PipelineSpec.Read(file)
                : PipelineSpec.Parse(Json(child), child.Path));
        }
    }

    private static void ReadTruth(IConfigurationSection section, ApertureOptions options, Action<bool> set)
    {
        if (section.Value is { } text)
        {
            Try(options, () => set(bool.TryParse(text, out bool wanted)
                ? wanted
                : throw new ApertureException($"{section.Path} is '{text}'; give true or false.")));
        }
    }

    private static void ReadModels(IConfigurationSection section, ApertureOptions options)
    {
        if (section.Exists())
        {
            options.Models = PipelineSpec.OptionsOf(new ConfigReader(Json(section), section.Path), section.Path);
        }
    }

    private static void Try(ApertureOptions options, Action read)
    {
        try
        {
            read();
        }
        catch (ApertureException problem)
        {
            options.Problems.Add(problem.Message);
        }
    }

    private static JsonElement Json(IConfigurationSection section)
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer))
        {
            Write(json, section);
        }

        return JsonElement.Parse(buffer.ToArray());
    }

    private static void Write(Utf8JsonWriter json, IConfigurationSection section)
    {
        IConfigurationSection[] children = [.. section.GetChildren()];
        if (children.Length == 0)
        {
            WriteValue(json, section.Value);
        }
        else if (Array.TrueForAll(children, child => int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _)))
        {
            json.WriteStartArray();
            foreach (IConfigurationSection child in children.OrderBy(child => int.Parse(child.Key, CultureInfo.InvariantCulture)))
            {
                Write(json, child);
            }

            json.WriteEndArray();
        }
        else
        {
            json.WriteStartObject();
            foreach (IConfigurationSection child in children)
            {
                json.WritePropertyName(child.Key);
                Write(json, child);
            }

            json.WriteEndObject();
        }
    }

    private static void WriteValue(Utf8JsonWriter json, string? value)
    {
        if (value is null)
        {
            json.WriteNullValue();
        }
        else if (value.Length == 0)
        {
            json.WriteStartArray(); // an empty list has become an empty text
            json.WriteEndArray();
        }
        else if (bool.TryParse(value, out bool truth))
        {
            json.WriteBooleanValue(truth);
        }
        else if (long.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long whole))
        {
            json.WriteNumberValue(whole);
        }
        else if (double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number))
        {
            json.WriteNumberValue(number);
        }
        else
        {
            json.WriteStringValue(value);
        }
    }
}
