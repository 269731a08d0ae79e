using System.Text.Json;
using Aperture.Models;

namespace Aperture.Generation;

/// <summary>How tokens are chosen and when to end. The defaults are greedy.</summary>
public sealed record GenerationOptions
{
    private const int LargestCount = 1 << 24;

    /// <summary>New tokens a sequence gets at most.</summary>
    public int MaxNewTokens { get; init; } = 128;

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

    /// <summary>Reads a checkpoint's <c>generation_config.json</c>; absent keys take the library's defaults.</summary>
    /// <param name="json">The file's object.</param>
    /// <param name="where">File name for messages.</param>
    /// <exception cref="ApertureException">A value has the wrong type or range.</exception>
    public static GenerationOptions Parse(JsonElement json, string where)
    {
        ConfigReader config = new(json, where);
        GenerationOptions defaults = new();
        int[] end = Ids(config, "eos_token_id");
        GenerationOptions options = new()
        {
            MaxNewTokens = config.Size("max_new_tokens", defaults.MaxNewTokens),
            MinNewTokens = config.Size("min_new_tokens", 0, minimum: 0),
            Temperature = config.Flag("do_sample", false) ? config.Number("temperature", 1) : 0,
            TopK = config.Size("top_k", defaults.TopK, minimum: 0),
            TopP = config.Number("top_p", 1),
            RepetitionPenalty = config.Number("repetition_penalty", 1),
            NoRepeatNgramSize = config.Size("no_repeat_ngram_size", 0, minimum: 0),
            Beams = config.Size("num_beams", 1),
            ReturnedSequences = config.Size("num_return_sequences", 1),
            LengthPenalty = config.Number("length_penalty", 1),
            EarlyStopping = Stopping(config),
            EndOfSequence = end,
            PadId = config.Integer("pad_token_id", end.Length > 0 ? end[0] : 0),
        };
        return options.Validate();
    }

    /// <summary>Checks all values.</summary>
    /// <returns>This instance.</returns>
    /// <exception cref="ApertureException">A value is out of range, or two options cannot work together.</exception>
    public GenerationOptions Validate()
    {
        Require(MaxNewTokens is >= 1 and <= LargestCount, nameof(MaxNewTokens), MaxNewTokens, $"from 1 to {LargestCount}");
        Require(MinNewTokens >= 0 && MinNewTokens <= MaxNewTokens, nameof(MinNewTokens), MinNewTokens, $"from 0 to {nameof(MaxNewTokens)} ({MaxNewTokens})");
        Require(Temperature >= 0 && double.IsFinite(Temperature), nameof(Temperature), Temperature, "0 (greedy) or above");
        Require(TopK >= 0, nameof(TopK), TopK, "0 (all) or above");
        Require(TopP is > 0 and <= 1, nameof(TopP), TopP, "above 0 and at most 1");
        Require(RepetitionPenalty > 0 && double.IsFinite(RepetitionPenalty), nameof(RepetitionPenalty), RepetitionPenalty, "above 0");
        Require(NoRepeatNgramSize >= 0, nameof(NoRepeatNgramSize), NoRepeatNgramSize, "0 (off) or above");
        Require(Beams is >= 1 and <= 1024, nameof(Beams), Beams, "from 1 to 1024");
        Require(ReturnedSequences >= 1 && ReturnedSequences <= Beams, nameof(ReturnedSequences), ReturnedSequences, $"from 1 to {nameof(Beams)} ({Beams})");
        Require(double.IsFinite(LengthPenalty), nameof(LengthPenalty), LengthPenalty, "a finite number");
        foreach (int id in EndOfSequence)
        {
            Require(id >= 0, nameof(EndOfSequence), id, "an id of the vocabulary");
        }

        if (Beams > 1 && Temperature > 0)
        {
            throw new ApertureException(
                $"Beams is {Beams} and Temperature is {Temperature}, but beam search does not sample; set Beams to 1 or Temperature to 0.");
        }

        return this;
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
