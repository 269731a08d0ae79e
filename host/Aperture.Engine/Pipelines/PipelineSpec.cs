using System.Text;
using System.Text.Json;
using Aperture.Files;
using Aperture.Images;
using Aperture.Models;

namespace Aperture.Pipelines;

/// <summary>
/// What a pipeline is, in writing: model, how it is opened, methods in the order they act. A pipeline gives one (<see cref="Pipeline.Spec"/>) and a session
/// makes a pipeline of one.
/// </summary>
/// <param name="Model">A shipped model's name, a folder, or a hub id.</param>
/// <param name="Methods">The methods, in the order they act.</param>
public sealed record PipelineSpec(string Model, IReadOnlyList<MethodUse> Methods)
{
    private const string Format = "aperture-pipeline";
    private const int Version = 1;

    /// <summary>How the model is opened; null for the session's own way.</summary>
    public ModelOptions? Options { get; init; }

    /// <summary>Whether a path names a pipeline in writing rather than a model: a file whose name ends in <c>.json</c>.</summary>
    /// <param name="path">The path.</param>
    public static bool IsFile(string path) => path.EndsWith(".json", StringComparison.OrdinalIgnoreCase) && File.Exists(path);

    /// <summary>Reads a file. A model folder that it names is looked for beside the file first.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file is missing, no JSON, or no pipeline.</exception>
    public static PipelineSpec Read(string path)
    {
        PipelineSpec spec = Parse(ModelFolder.ReadJson(path), path);
        string beside = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(path)) ?? ".", spec.Model);
        return Directory.Exists(beside) ? spec with { Model = beside } : spec;
    }

    /// <summary>Reads JSON text.</summary>
    /// <param name="json">The text.</param>
    /// <exception cref="ApertureException">It is no JSON, or no pipeline.</exception>
    public static PipelineSpec Parse(string json)
    {
        try
        {
            using JsonDocument document = JsonText.Parse(json);
            return Parse(document.RootElement.Clone(), "The pipeline");
        }
        catch (JsonException error)
        {
            throw new ApertureException(
                $"The pipeline is not JSON ({error.Message}); write {{\"model\": …, \"methods\": [{{\"name\": …}}]}}.", error);
        }
    }

    /// <summary>The pipeline as JSON text, indented.</summary>
    /// <exception cref="ApertureException">A method is an object of the caller's, which cannot be written.</exception>
    public string ToJson()
    {
        if (Methods.FirstOrDefault(method => method.Object is not null) is { } own)
        {
            throw new ApertureException(
                $"The method '{own.Name}' was written here and is no plugin's, so the pipeline cannot be put into writing; make it a plugin (aperture "
                + "plugins new).");
        }

        return IndentedJson.Write(json =>
        {
            json.WriteStartObject();
            json.WriteString("format", Format);
            json.WriteNumber("version", Version);
            json.WriteString("model", Model);
            WriteOptions(json);
            json.WriteStartArray("methods");
            foreach (MethodUse method in Methods)
            {
                json.WriteStartObject();
                json.WriteString("name", method.Name);
                if (method.Options.ValueKind == JsonValueKind.Object && method.Options.EnumerateObject().Any())
                {
                    json.WritePropertyName("options");
                    method.Options.WriteTo(json);
                }

                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
    }

    /// <summary>Writes the pipeline into a file, whole or not at all.</summary>
    /// <param name="path">The file; its name ends in <c>.json</c>, by which models and pipelines are told apart.</param>
    /// <returns>The full path.</returns>
    /// <exception cref="ApertureException">The name ends otherwise, or a method cannot be written.</exception>
    public string Save(string path)
    {
        if (!path.EndsWith(".json", StringComparison.OrdinalIgnoreCase))
        {
            throw new ApertureException($"A pipeline is saved under a name that ends in .json, not as '{path}'.");
        }

        AtomicFile.Write(path, Encoding.UTF8.GetBytes(ToJson() + "\n"));
        return Path.GetFullPath(path);
    }

    /// <summary>Whether two specifications say the same.</summary>
    /// <param name="other">The other one.</param>
    public bool Equals(PipelineSpec? other)
        => other is not null
            && Model == other.Model
            && Options == other.Options
            && Methods.Count == other.Methods.Count
            && Methods.Zip(other.Methods).All(pair => pair.First.Name == pair.Second.Name && pair.First.Says(pair.Second));

    /// <inheritdoc/>
    public override int GetHashCode() => HashCode.Combine(Model, Options, Methods.Count);

    internal static PipelineSpec Parse(JsonElement json, string where)
    {
        if (json.ValueKind != JsonValueKind.Object)
        {
            throw new ApertureException(
                $"{where} holds no pipeline; it must be an object such as {{\"model\": \"tiny-llava\", \"methods\": [{{\"name\": \"METHOD\"}}]}}.");
        }

        ConfigReader reader = new(json, where);
        string format = reader.Text("format", Format)!;
        int version = reader.Integer("version", Version);
        if (format != Format || version != Version)
        {
            throw new ApertureException($"{where} has format '{format}' version {version}, but this build reads {Format} version {Version}.");
        }

        RefuseUnknown(json, where, "format", "version", "model", "options", "methods");
        string model = reader.Text("model", null) ?? throw new ApertureException($"{where} names no model.");
        return new PipelineSpec(model, [.. MethodsOf(json, where)])
        {
            Options = reader.Has("options") ? OptionsOf(reader.Child("options"), $"{where}: options") : null,
        };
    }

    private static IEnumerable<MethodUse> MethodsOf(JsonElement json, string where)
    {
        if (!json.TryGetProperty("methods", out JsonElement methods))
        {
            yield break;
        }

        if (methods.ValueKind != JsonValueKind.Array)
        {
            throw new ApertureException($"{where}: methods must be a list.");
        }

        foreach (JsonElement method in methods.EnumerateArray())
        {
            if (method.ValueKind != JsonValueKind.Object || !method.TryGetProperty("name", out JsonElement name) || name.ValueKind != JsonValueKind.String)
            {
                throw new ApertureException($"{where}: a method must be an object with a name, and options where it has some.");
            }

            RefuseUnknown(method, $"{where}: {name.GetString()}", "name", "options");
            bool given = method.TryGetProperty("options", out JsonElement options) && options.ValueKind != JsonValueKind.Null;
            if (given && options.ValueKind != JsonValueKind.Object)
            {
                throw new ApertureException($"{where}: {name.GetString()}: options must be an object, such as {{\"OPTION\": 1}}.");
            }

            yield return new MethodUse(name.GetString()!, given ? options : default);
        }
    }

    internal static ModelOptions OptionsOf(ConfigReader options, string where)
    {
        RefuseUnknown(
            options.Root, where, "device", "type", "weights", "cache", "threads", "tower", "adapters", "adapter", "cutPrompt", "encoder", "family", "prompt",
            "aspect");
        ModelOptions defaults = new();
        string? aspect = options.Text("aspect", null);
        return new ModelOptions
        {
            Device = options.Text("device", defaults.Device)!,
            Type = options.Text("type", defaults.Type)!,
            Weights = options.Text("weights", defaults.Weights)!,
            Cache = options.Text("cache", defaults.Cache)!,
            Threads = options.Size("threads", defaults.Threads, minimum: 0),
            Tower = options.Text("tower", null),
            Adapters = options.Text("adapters", null),
            Adapter = options.Text("adapter", null),
            CutPrompt = options.Flag("cutPrompt", false),
            Encoder = options.Text("encoder", null),
            Family = options.Text("family", null),
            Prompt = options.Text("prompt", null),
            Aspect = aspect is null ? null : Enum.TryParse(aspect, ignoreCase: true, out ImageAspect parsed) && Enum.IsDefined(parsed) ? parsed
                : throw new ApertureException($"{where}: aspect '{aspect}' is not known; use pad, crop or anyres."),
        };
    }

    private static void RefuseUnknown(JsonElement json, string where, params string[] known)
    {
        foreach (JsonProperty property in json.EnumerateObject().Where(property => !known.Contains(property.Name)))
        {
            throw new ApertureException($"{where}: '{property.Name}' is not known here; use {string.Join(", ", known)}.");
        }
    }

    private void WriteOptions(Utf8JsonWriter json)
    {
        if (Options is not { } options)
        {
            return;
        }

        ModelOptions defaults = new();
        json.WriteStartObject("options");
        void Text(string name, string? value, string? usual)
        {
            if (value != usual && value is not null)
            {
                json.WriteString(name, value);
            }
        }

        Text("device", options.Device, defaults.Device);
        Text("type", options.Type, defaults.Type);
        Text("weights", options.Weights, defaults.Weights);
        Text("cache", options.Cache, defaults.Cache);
        if (options.Threads != defaults.Threads)
        {
            json.WriteNumber("threads", options.Threads);
        }

        Text("tower", options.Tower, null);
        Text("adapters", options.Adapters, null);
        Text("adapter", options.Adapter, null);
        if (options.CutPrompt)
        {
            json.WriteBoolean("cutPrompt", true);
        }

        Text("encoder", options.Encoder, null);
        Text("family", options.Family, null);
        Text("prompt", options.Prompt, null);
        Text("aspect", options.Aspect?.ToString().ToLowerInvariant(), null);
        json.WriteEndObject();
    }
}
