using System.ComponentModel.DataAnnotations;
using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins;

namespace Aperture.Abstractions.Tests.Plugins;

/// <summary>Help and checks of options come from one record.</summary>
public sealed class MethodOptionsTests
{
    [Fact]
    public void A_record_describes_itself()
    {
        MethodOption[] expected =
        [
            new("Keep", "number", "0.5", "Share to keep, of Limit at most.") { Allowed = "above 0, up to 1" },
            new("Limit", "integer", "none", "Tokens at most; null for all.") { Allowed = "1 or more" },
            new("Mode", "text", "max", "How heads are joined.") { Allowed = "max, mean" },
            new("Order", "text", "Ascending", "Order.") { Allowed = "Ascending, Descending" },
            new("Layers", "list of integers", "[1, 2]", "Layers.") { Allowed = "" },
            new("KeepTies", "true/false", "true", "Keep ties.") { Allowed = "" },
        ];
        Assert.Equal(expected, MethodOptions.Describe(TestOptionsJson.Default.TestOptions));
    }

    [Theory]
    [InlineData("""{ "Keep": 0 }""", "m: Keep is 0; it can be above 0, up to 1.")]
    [InlineData("""{ "keep": 1.5 }""", "m: Keep is 1.5; it can be above 0, up to 1.")]
    [InlineData("""{ "Limit": 0 }""", "m: Limit is 0; it can be 1 or more.")]
    [InlineData("""{ "Mode": "min" }""", "m: Mode is min; it can be max, mean.")]
    [InlineData("""{ "Keep": 1, "Limit": 1, "Mode": "mean" }""", null)]
    [InlineData("""{ "Limit": null }""", null)]
    public void What_an_attribute_does_not_allow_is_refused(string options, string? refusal)
    {
        Exception? error = Record.Exception(() => MethodOptions.Bind("m", JsonElement.Parse(options), TestOptionsJson.Default.TestOptions));
        Assert.Equal(refusal, error is null ? null : Assert.IsType<ApertureException>(error).Message);
    }
}

internal enum TestOrder
{
    Ascending,
    Descending,
}

internal sealed record TestOptions : IMethodOptions
{
    /// <summary>Share to keep, of
    /// <see cref="Limit"/> at most.</summary>
    [Range(0.0, 1.0, MinimumIsExclusive = true)]
    public double Keep { get; set; } = 0.5;

    /// <summary>Tokens at most; <see langword="null"/> for all.</summary>
    [Range(1, int.MaxValue)]
    public int? Limit { get; set; }

    /// <summary>How heads are joined.</summary>
    [AllowedValues("max", "mean")]
    public string Mode { get; set; } = "max";

    public TestOrder Order { get; set; }

    public int[] Layers { get; set; } = [1, 2];

    public bool KeepTies { get; set; } = true;
}

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true, UseStringEnumConverter = true)]
[JsonSerializable(typeof(TestOptions))]
internal sealed partial class TestOptionsJson : JsonSerializerContext;
