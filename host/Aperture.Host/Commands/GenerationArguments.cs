using System.CommandLine;
using Aperture.Generation;
using Aperture.Models;

namespace Aperture.Host.Commands;

/// <summary>The options about how answers are generated, shared by the verbs that ask: the checkpoint's own settings hold where none is given.</summary>
internal sealed class GenerationArguments
{
    private readonly Option<int?> _tokens;
    private readonly int _longest;

    private readonly Option<int?> _least = new("--min-new-tokens") { Description = "Tokens before which an answer does not end.", HelpName = "count" };
    private readonly Option<double?> _temperature = new("--temperature")
    {
        Description = "0 takes the likeliest token; above, tokens are drawn.",
        HelpName = "number",
    };

    private readonly Option<double?> _topP = new("--top-p")
    {
        Description = "Draw from the likeliest tokens with this much probability together.",
        HelpName = "number",
    };

    private readonly Option<int?> _topK = new("--top-k") { Description = "Draw from this many likeliest tokens; 0 for all.", HelpName = "count" };
    private readonly Option<int?> _beams = new("--beams") { Description = "Beams of beam search.", HelpName = "count" };
    private readonly Option<double?> _length = new("--length-penalty")
    {
        Description = "Beams: a hypothesis' score is divided by its length to this power.",
        HelpName = "number",
    };

    private readonly Option<double?> _repetition = new("--repetition-penalty")
    {
        Description = "Above 1 makes tokens that were seen before less likely.",
        HelpName = "number",
    };

    private readonly Option<int?> _ngram = new("--no-repeat-ngram")
    {
        Description = "No run of this many tokens appears twice; 0 for no limit.",
        HelpName = "count",
    };

    private readonly Option<ulong?> _seed = new("--seed") { Description = "Seed of drawing.", HelpName = "number" };

    /// <summary>The options.</summary>
    /// <param name="longest">Longest answer in tokens where neither the user nor the checkpoint says one.</param>
    public GenerationArguments(int longest)
    {
        _longest = longest;
        _tokens = new Option<int?>("--max-new-tokens")
        {
            Description = $"Longest answer in tokens; the checkpoint's own by default, or {longest}. So are the settings that follow.",
            HelpName = "count",
        };
    }

    /// <summary>Adds the options to a verb.</summary>
    public void AddOptions(Command command)
    {
        foreach (Option option in (Option[])[_tokens, _least, _temperature, _topP, _topK, _beams, _length, _repetition, _ngram, _seed])
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Refuses values that no checkpoint makes right, before a large model is opened.</summary>
    /// <exception cref="ApertureException">A value is out of range, or two that were given cannot work together.</exception>
    public void Check(ParseResult parsed) => Change(parsed, new GenerationOptions { MaxNewTokens = _longest }).Validate();

    /// <summary>A model's settings with what the user gave instead.</summary>
    public GenerationOptions Of(ParseResult parsed, Model model) => Change(parsed, model.WithLength(_longest));

    /// <summary>Longest answer in tokens where no checkpoint says one.</summary>
    public int Longest(ParseResult parsed) => parsed.GetValue(_tokens) ?? _longest;

    /// <summary>Settings with what the user gave instead.</summary>
    public GenerationOptions Change(ParseResult parsed, GenerationOptions own)
    {
        int tokens = parsed.GetValue(_tokens) ?? own.MaxNewTokens;
        return own with
        {
            MaxNewTokens = tokens,
            MinNewTokens = parsed.GetValue(_least) ?? (parsed.GetValue(_tokens) is null ? own.MinNewTokens : Math.Min(own.MinNewTokens, Math.Max(tokens, 0))),
            Temperature = parsed.GetValue(_temperature) ?? own.Temperature,
            TopP = parsed.GetValue(_topP) ?? own.TopP,
            TopK = parsed.GetValue(_topK) ?? own.TopK,
            Beams = parsed.GetValue(_beams) ?? own.Beams,
            LengthPenalty = parsed.GetValue(_length) ?? own.LengthPenalty,
            RepetitionPenalty = parsed.GetValue(_repetition) ?? own.RepetitionPenalty,
            NoRepeatNgramSize = parsed.GetValue(_ngram) ?? own.NoRepeatNgramSize,
            Seed = parsed.GetValue(_seed) ?? own.Seed,
            MaxLength = parsed.GetValue(_tokens) is null ? own.MaxLength : 0,
        };
    }
}
