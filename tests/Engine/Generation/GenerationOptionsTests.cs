using System.Text.Json;
using Aperture.Generation;
using Aperture.Pipelines;

namespace Aperture.Engine.Tests.Generation;

public sealed class GenerationOptionsTests
{
    [Fact]
    public void A_stored_temperature_without_do_sample_stays_greedy()
    {
        GenerationOptions options = Parse(
            """{"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0, "max_length": 4096, "temperature": 0.9, "top_p": 0.6}""");

        Assert.Equal(0, options.Temperature);
        Assert.Equal(0.6, options.TopP);
        Assert.Equal([2], options.EndOfSequence);
        Assert.Equal(50, options.TopK);
    }

    [Fact]
    public void Every_key_is_read()
    {
        GenerationOptions options = Parse("""
            {"do_sample": true, "temperature": 0.2, "top_k": 7, "top_p": 0.5, "repetition_penalty": 1.3, "no_repeat_ngram_size": 2, "max_new_tokens": 9,
             "min_new_tokens": 3, "eos_token_id": [151644, 151645], "pad_token_id": 151643}
            """);

        Assert.Equal(
            (0.2, 7, 0.5, 1.3, 2, 9, 3, 151643),
            (options.Temperature, options.TopK, options.TopP, options.RepetitionPenalty, options.NoRepeatNgramSize, options.MaxNewTokens,
                options.MinNewTokens, options.PadId));
        Assert.Equal([151644, 151645], options.EndOfSequence);
    }

    [Theory]
    [InlineData("true", BeamStopping.Full)]
    [InlineData("false", BeamStopping.Unlikely)]
    [InlineData("\"never\"", BeamStopping.Impossible)]
    public void Early_stopping_has_three_values(string value, BeamStopping expected)
        => Assert.Equal(expected, Parse($$"""{"num_beams": 4, "early_stopping": {{value}}}""").EarlyStopping);

    // A file may ask for what cannot be honoured together: that is told when a model is opened, and may be overridden. A user's own options are refused.
    [Theory]
    [InlineData("""{"num_beams": 2, "do_sample": true}""", "beam search does not sample")]
    [InlineData("""{"num_beams": 2, "num_return_sequences": 3}""", "ReturnedSequences is 3")]
    [InlineData("""{"max_new_tokens": 4, "min_new_tokens": 5}""", "MinNewTokens is 5")]
    public void What_does_not_go_together_is_read_and_not_valid(string json, string part)
        => Assert.Contains(part, Assert.Throws<ApertureException>(Parse(json).Validate).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"early_stopping": "sometimes"}""", "early_stopping")]
    [InlineData("""{"eos_token_id": "end"}""", "eos_token_id")]
    [InlineData("""{"top_p": 1.5}""", "TopP is 1.5")]
    [InlineData("""{"do_sample": true, "temperature": -1}""", "Temperature is -1")]
    [InlineData("""{"max_new_tokens": 0}""", "max_new_tokens is 0")]
    [InlineData("""{"repetition_penalty": 0}""", "RepetitionPenalty is 0")]
    public void A_value_out_of_range_is_named_in_one_line(string json, string part)
    {
        string message = Assert.Throws<ApertureException>(() => Parse(json)).Message;

        Assert.Contains(part, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    private static GenerationOptions Parse(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return GenerationOptions.Parse(document.RootElement, "generation_config.json");
    }
}
