using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Plugins.DyVte.Tests;

public sealed class OptionsTests
{
    private static readonly DecoderInfo _decoder = new()
    {
        Model = "small",
        Layers = 4,
        HiddenSize = 32,
        IntermediateSize = 44,
        Heads = 4,
        KeyValueHeads = 4,
        HeadSize = 8,
        VocabularySize = 40,
        VisualTokens = 20,
    };

    [Fact]
    public void Every_option_is_described_and_nothing_else()
        => Assert.Equal(
            OptionsJson.Default.DyVteOptions.Properties.Where(p => p.Set is not null).Select(p => p.Name).Order(),
            new DyVteFactory().Options.Select(o => o.Name).Order());

    [Theory]
    [InlineData("""{"Threshold":0}""", "Threshold is 0")]
    [InlineData("""{"Threshold":1}""", "Threshold is 1")]
    [InlineData("""{"MinExitLayer":-1}""", "MinExitLayer is -1")]
    [InlineData("""{"MinExitLayer":4}""", "MinExitLayer is 4, but small has layers 0 to 3")]
    [InlineData("""{"MaxExitLayer":4}""", "MaxExitLayer is 4, but small has layers 0 to 3")]
    [InlineData("""{"MinExitLayer":2,"MaxExitLayer":1}""", "MaxExitLayer is 1, below MinExitLayer 2")]
    [InlineData("""{"FixedExitLayer":9}""", "FixedExitLayer is 9, but small has layers 0 to 3")]
    [InlineData("""{"FixedExitLayer":-1}""", "FixedExitLayer is -1")]
    [InlineData("""{"FixedExitLayer":1,"MaxExitLayer":2}""", "give it alone")]
    [InlineData("""{"Patience":0}""", "Patience is 0")]
    [InlineData("""{"BatchPolicy":"Any"}""", "PerSample, AllMustExit, FirstSample")]
    [InlineData("""{"GateInput":"image"}""", "text, all-text, attention")]
    [InlineData("""{"GatePlacement":"disk"}""", "device, host")]
    [InlineData("""{"GateDType":"int8"}""", "model, fp32")]
    [InlineData("""{"GateHidden":0}""", "GateHidden is 0")]
    [InlineData("""{"Tau":0.5}""", "unknown option 'Tau'")]
    [InlineData("{}", "no folder to look for gates in")]
    [InlineData("""{"Gates":"there.safetensors"}""", "no file 'there.safetensors'")]
    public void Wrong_options_are_named(string options, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Create(options));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("""{"FixedExitLayer":3}""")]
    [InlineData("""{"Enabled":false}""")]
    [InlineData("""{"Gates":"random","GateHidden":8}""")]
    [InlineData("""{"Gates":"random","GateHidden":8,"GateInput":"attention","MaxExitLayer":3,"Patience":2}""")]
    public void What_needs_no_gates_file_works_without_one(string options) => Create(options).Dispose();

    private static IDecoderMethod Create(string options) => new DyVteFactory().Create(JsonDocument.Parse(options).RootElement, _decoder, new FactoryFiles());
}
