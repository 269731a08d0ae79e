using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Generation;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Evaluation;

/// <summary>What an evaluation in a folder was made with, so that no other goes on from it by mistake.</summary>
/// <param name="Values">Values by name, in the order in which they are compared.</param>
internal sealed record EvaluationSettings(IReadOnlyDictionary<string, string> Values)
{
    private const string Format = "aperture-eval", Version = "1";
    private const string QuestionDigest = "questionDigest", ModelDigest = "modelDigest", MethodDigest = "methodDigest";

    /// <summary>Those of a run.</summary>
    public static EvaluationSettings Of(IReadOnlyList<EvaluationRow> rows, IReadOnlyList<QuestionItem> items, EvaluationOptions options)
    {
        Model[] models = [.. rows.Select(row => row.Model).Distinct()];
        MeasuredOn[] measuredOn = [.. models.Select(model => MeasuredOn.Of(model.Ops))];
        return new EvaluationSettings(new OrderedDictionary<string, string>
        {
            ["format"] = Format,
            ["version"] = Version,
            ["model"] = Joined(models.Select(model => model.Name)),
            ["pipelines"] = Joined(rows.Select(row => row.Label)),
            ["score"] = options.Scoring.Name,
            ["longestAnswer"] = Joined(models.Select(model => options.For(model).MaxNewTokens.ToString(CultureInfo.InvariantCulture)).Distinct()),
            ["generation"] = Joined(models.Select(model => Text(options.For(model))).Distinct()),
            ["questions"] = items.Count.ToString(CultureInfo.InvariantCulture),
            [QuestionDigest] = Digest(items.Select(Text)),
            [ModelDigest] = Digest(models.SelectMany(model => Files(model.Folder, options.Output))),
            [MethodDigest] = Digest(rows.SelectMany(row => Plugins(row.Pipeline)).Distinct()),
            ["modelOptions"] = Joined(rows.Select(row => Text(row.Pipeline.Spec.Options ?? row.Pipeline.Session.Defaults)).Distinct()),
            ["pictures"] = options.Pictures.ToString(),
            ["measuredOn"] = Joined(measuredOn.Select(on => on.ToString()).Distinct()),
        });
    }

    /// <summary>Reads what <see cref="ToJson"/> wrote.</summary>
    /// <param name="json">The text.</param>
    /// <param name="file">Name of the file, for messages.</param>
    /// <exception cref="ApertureException">It is no such text.</exception>
    public static EvaluationSettings Parse(byte[] json, string file)
    {
        try
        {
            using JsonDocument document = JsonText.Parse(json);
            Dictionary<string, string> values = document.RootElement.EnumerateObject()
                .ToDictionary(value => value.Name, value => value.Value.GetString() ?? "");
            return values.GetValueOrDefault("format") == Format ? new EvaluationSettings(values) : throw NoRun(file, null);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or ArgumentException)
        {
            throw NoRun(file, error);
        }
    }

    /// <summary>Checks that a run may go on from another's samples.</summary>
    /// <param name="before">What they were made with.</param>
    /// <param name="folder">Where they lie.</param>
    /// <exception cref="ApertureException">Something differs; the message names the first of it.</exception>
    public void RefuseOther(EvaluationSettings before, string folder)
    {
        foreach ((string name, string value) in Values)
        {
            string was = before.Values.GetValueOrDefault(name, "");
            if (was != value)
            {
                string differs = name switch
                {
                    QuestionDigest => "its questions or pictures are others",
                    ModelDigest => "files of the model have changed since",
                    MethodDigest => "a method's plugin was built anew or has other defaults since",
                    _ => $"its {Words(name)} {(name.EndsWith('s') ? "are" : "is")} '{was}', not '{value}'",
                };
                throw new ApertureException($"'{folder}' holds another evaluation: {differs}; give the command that began it to go on, or another folder.");
            }
        }
    }

    /// <summary>The values as a JSON object.</summary>
    public byte[] ToJson()
    {
        using MemoryStream buffer = new();
        using (Utf8JsonWriter json = new(buffer, SampleLine.Writing with { Indented = true }))
        {
            json.WriteStartObject();
            foreach ((string name, string value) in Values)
            {
                json.WriteString(name, value);
            }

            json.WriteEndObject();
        }

        return [.. buffer.ToArray(), (byte)'\n'];
    }

    private static ApertureException NoRun(string file, Exception? inner)
        => new($"'{file}' does not say which evaluation the folder holds; give another folder.", inner!);

    private static string Joined(IEnumerable<string> texts) => string.Join(" | ", texts);

    // measuredOn -> measured on
    private static string Words(string name) => string.Concat(name.Select(letter => char.IsUpper(letter) ? $" {char.ToLowerInvariant(letter)}" : $"{letter}"));

    private static string Text(ModelOptions options)
        => Joined([
            $"device {options.Device}", $"type {options.Type}", $"threads {options.Threads}", $"aspect {options.Aspect}", $"tower {options.Tower}",
            $"adapters {options.Adapters}", $"prompt {options.Prompt}", $"family {options.Family}",
            .. options.Adapter is { } adapter ? [$"adapter {adapter}"] : Array.Empty<string>(),
            .. options.CutPrompt ? ["prompts cut"] : Array.Empty<string>(),
            .. options.Encoder is { } encoder ? [$"encoder {encoder}"] : Array.Empty<string>(),
            .. options.Format is not (null or WeightFormat.Stored) and var weights ? [$"weights {weights}"] : Array.Empty<string>(),
        ]);

    private static string Text(GenerationOptions options)
        => string.Create(
            CultureInfo.InvariantCulture,
            $"temperature {options.Temperature}, top k {options.TopK}, top p {options.TopP}, beams {options.Beams}, least {options.MinNewTokens}, "
            + $"repetition {options.RepetitionPenalty}, n-gram {options.NoRepeatNgramSize}, length {options.LengthPenalty}, seed {options.Seed}");

    private static string Text(QuestionItem item)
        => Joined([
            item.Id, item.Question, Joined(item.RightAnswers), Joined(item.Answers), Joined(item.Choices), item.Hint, item.Type,
            item.Image is { } image ? $"{image} {(File.Exists(image) ? new FileInfo(image).Length : 0)}" : "",
        ]);

    // Weights are too large to be read for this; whoever writes them anew leaves another time.
    private static IEnumerable<string> Files(string folder, string? output)
    {
        string? own = output is null ? null : Path.GetFullPath(output) + Path.DirectorySeparatorChar;
        return folder.Length == 0 ? [] : new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories)
            .Where(file => own is null || !file.FullName.StartsWith(own, StringComparison.Ordinal))
            .Select(file => $"{Path.GetRelativePath(folder, file.FullName)} {file.Length} {file.LastWriteTimeUtc.Ticks}")
            .Order(StringComparer.Ordinal);
    }

    // The assemblies of the plugins that a pipeline's methods come from, and what their options are where the pipeline gives none.
    private static IEnumerable<string> Plugins(Pipeline pipeline)
        => from plugin in pipeline.Session.Plugins.Plugins
           where plugin.Methods?.Any(known => pipeline.Acting.Any(acting => string.Equals(acting.Name, known.Name, StringComparison.OrdinalIgnoreCase))) == true
           from file in Directory.EnumerateFiles(plugin.Entry.Folder, "*.dll").Order(StringComparer.Ordinal)
           select $"{Path.GetFileName(file)} {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)))} {plugin.Entry.Options}";

    private static string Digest(IEnumerable<string> texts)
        => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', texts))));
}
