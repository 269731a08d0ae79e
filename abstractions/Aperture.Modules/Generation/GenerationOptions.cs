using System.Text.Json;
using Aperture.Models;

namespace Aperture.Generation;

/// <summary>How tokens are chosen and when to end. The defaults are greedy.</summary>
public sealed record GenerationOptions
{
    private const int LargestCount = 1 << 24;
    private const int LibraryLength = 20; // what transformers writes where nobody said a length

    /// <summary>New tokens a sequence gets at most.</summary>
    public int MaxNewTokens { get; init; } = 128;

    /// <summary>Whether <see cref="MaxNewTokens"/> is the checkpoint's own, and not this program's default.</summary>
    public bool HasOwnLength { get; init; }

    /// <summary>Rows that prompt and answer have together at most; 0 for no such limit.</summary>
    public int MaxLength { get; init; }

    /// <summary>The file that the settings were read from, for messages; null where they are not a checkpoint's.</summary>
    public string? Source { get; init; }

    /// <summary>New tokens before which no end-of-sequence token is chosen.</summary>
    public int MinNewTokens { get; init; }

    /// <summary>Divides the logits before sampling; 0 takes the most likely token instead of sampling.</summary>
    public double Temperature { get; init; }

    /// <summary>Sampling considers the k most likely tokens (ties included); 0 means all.</summary>
    public int TopK { get; init; } = 50;

    /// <summary>Sampling considers the most likely tokens that together reach this probability; 1 means all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Divides positive and multiplies negative logits of tokens seen before; 1 means no change.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>No run of this many tokens appears twice; 0 means no limit.</summary>
    public int NoRepeatNgramSize { get; init; }

    /// <summary>Beams of beam search; 1 means none.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>Sequences that beam search returns a prompt.</summary>
    public int ReturnedSequences { get; init; } = 1;

    /// <summary>Beam search: a hypothesis' log-probability is divided by its length to this power.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>When beam search stops looking.</summary>
    public BeamStopping EarlyStopping { get; init; }

    /// <summary>Texts that end a sequence.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Seed of sampling; null takes a new one each time. A sequence's samples do not depend on what else is in its batch.</summary>
    public ulong? Seed { get; init; }

    /// <summary>Ids that end a sequence.</summary>
    public IReadOnlyList<int> EndOfSequence { get; init; } = [];

    /// <summary>The id that fills shorter sequences where a rectangle is asked for.</summary>
    public int PadId { get; init; }

    /// <summary>
    /// Reads a checkpoint's <c>generation_config.json</c>; absent keys take the library's defaults. Settings that cannot work together are read as they are:
    /// they keep no model from opening, and may be changed before <see cref="Validate"/>.
    /// </summary>
    /// <param name="json">The file's object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static GenerationOptions Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        GenerationOptions defaults = new();
        int[] end = Ids(config, "eos_token_id");
        int least = config.Size("min_new_tokens", 0, minimum: 0), length = config.Size("max_length", LibraryLength);
        GenerationOptions options = new()
        {
            MaxNewTokens = config.Size("max_new_tokens", Math.Max(defaults.MaxNewTokens, least)),
            HasOwnLength = config.Has("max_new_tokens"),
            MaxLength = length == LibraryLength || config.Has("max_new_tokens") ? 0 : length,
            Source = where,
            MinNewTokens = least,
            Temperature = config.Flag("do_sample", false) ? config.Number("temperature", 1) : 0,
            TopK = Math.Max(config.Size("top_k", defaults.TopK, minimum: -1), 0), // -1 is how some engines write "all"
            TopP = config.Number("top_p", 1),
            RepetitionPenalty = config.Number("repetition_penalty", 1),
            NoRepeatNgramSize = config.Size("no_repeat_ngram_size", 0, minimum: 0),
            Beams = config.Size("num_beams", 1),
            ReturnedSequences = config.Size("num_return_sequences", 1),
            LengthPenalty = config.Number("length_penalty", 1),
            EarlyStopping = Stopping(config),
            StopStrings = Texts(config, "stop_strings"),
            EndOfSequence = end,
            PadId = config.Integer("pad_token_id", end.Length > 0 ? end[0] : 0),
        };
        options.CheckRanges($"{where}: ");
        return options;
    }

    /// <summary>Checks all values.</summary>
    /// <returns>This instance.</returns>
    /// <exception cref="ApertureException">A value is out of range, or two options cannot work together.</exception>
    public GenerationOptions Validate()
    {
        CheckRanges("");
        Require(MinNewTokens <= MaxNewTokens, nameof(MinNewTokens), MinNewTokens, $"from 0 to {nameof(MaxNewTokens)} ({MaxNewTokens})");
        Require(ReturnedSequences <= Beams, nameof(ReturnedSequences), ReturnedSequences, $"from 1 to {nameof(Beams)} ({Beams})");
        if (Beams > 1 && Temperature > 0)
        {
            throw new ApertureException(
                $"Beams is {Beams} and Temperature is {Temperature}, but beam search does not sample; set Beams to 1 or Temperature to 0.");
        }

        return this;
    }

    // Each value for itself.
    private void CheckRanges(string where)
    {
        void Require<T>(bool holds, string name, T value, string expected) => GenerationOptions.Require(holds, where + name, value, expected);
        Require(MaxNewTokens is >= 1 and <= LargestCount, nameof(MaxNewTokens), MaxNewTokens, $"from 1 to {LargestCount}");
        Require(MinNewTokens >= 0, nameof(MinNewTokens), MinNewTokens, "0 or above");
        Require(Temperature >= 0 && double.IsFinite(Temperature), nameof(Temperature), Temperature, "0 (greedy) or above");
        Require(TopK >= 0, nameof(TopK), TopK, "0 (all) or above");
        Require(TopP is > 0 and <= 1, nameof(TopP), TopP, "above 0 and at most 1");
        Require(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), nameof(RepetitionPenalty), RepetitionPenalty, "above 0");
        Require(NoRepeatNgramSize >= 0, nameof(NoRepeatNgramSize), NoRepeatNgramSize, "0 (off) or above");
        Require(Beams is >= 1 and <= 1024, nameof(Beams), Beams, "from 1 to 1024");
        Require(ReturnedSequences >= 1, nameof(ReturnedSequences), ReturnedSequences, "1 or above");
        Require(double.IsFinite(LengthPenalty), nameof(LengthPenalty), LengthPenalty, "a finite number");
        foreach (int id in EndOfSequence)
        {
            Require(id >= 0, nameof(EndOfSequence), id, "an id of the vocabulary");
        }
    }

    private static void Require<T>(bool holds, string name, T value, string expected)
    {
        if (!holds)
        {
            throw new ApertureException($"{name} is {value} but must be {expected}.");
        }
    }

    private static BeamStopping Stopping(ConfigReader config)
    {
        if (!config.Has("early_stopping"))
        {
            return BeamStopping.Unlikely;
        }

        JsonElement value = config.Root.GetProperty("early_stopping");
        return value.ValueKind switch
        {
            JsonValueKind.True => BeamStopping.Full,
            JsonValueKind.False => BeamStopping.Unlikely,
            JsonValueKind.String when value.ValueEquals("never") => BeamStopping.Impossible,
            _ => throw config.Bad("early_stopping", value, "true, false or \"never\""),
        };
    }

    private static string[] Texts(ConfigReader config, string key)
    {
        if (!config.Has(key))
        {
            return [];
        }

        JsonElement value = config.Root.GetProperty(key);
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        return Array.TrueForAll(items, item => item.ValueKind == JsonValueKind.String)
            ? [.. items.Select(item => item.GetString()!)]
            : throw config.Bad(key, value, "a text or a list of texts");
    }

    private static int[] Ids(ConfigReader config, string key)
    {
        if (!config.Has(key))
        {
            return [];
        }

        JsonElement value = config.Root.GetProperty(key);
        JsonElement[] items = value.ValueKind == JsonValueKind.Array ? [.. value.EnumerateArray()] : [value];
        int[] ids = new int[items.Length];
        for (int i = 0; i < ids.Length; i++)
        {
            if (items[i].ValueKind != JsonValueKind.Number || !items[i].TryGetInt32(out ids[i]))
            {
                throw config.Bad(key, value, "an id or a list of ids");
            }
        }

        return ids;
    }
}
