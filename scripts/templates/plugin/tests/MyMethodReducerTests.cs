using System.Text.Json;
using Aperture;
using Aperture.Plugins;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace MyMethod.Tests;

public class MyMethodReducerTests
{
    [Fact]
    public void The_tokens_with_the_largest_norm_stay_in_order()
    {
        using MyMethodReducer reducer = new(new MyMethodOptions { Keep = 0.5 });
        using VisualTokens kept = reducer.Reduce(Tokens(3, 9, 1, 7));
        Assert.Equal([1, 3], kept.Places);
        Assert.Equal([9f, 7f], kept.Rows.data<float>().ToArray());
    }

    [Fact]
    public void Keeping_everything_changes_nothing()
    {
        using MyMethodReducer reducer = new(new MyMethodOptions { Keep = 1 });
        using VisualTokens tokens = Tokens(3, 9, 1, 7);
        Assert.Same(tokens, reducer.Reduce(tokens));
    }

    [Theory]
    [InlineData("0")]
    [InlineData("1.5")]
    public void A_share_out_of_range_is_refused(string keep)
    {
        JsonElement options = JsonElement.Parse($$"""{ "Keep": {{keep}} }""");
        Assert.Throws<ApertureException>(() => MethodOptions.Bind("mymethod", options, OptionsJson.Default.MyMethodOptions));
    }

    private static VisualTokens Tokens(params float[] values)
        => new(tensor(values, [values.Length, 1]), new VisualGrid(1, values.Length), [.. Enumerable.Range(0, values.Length)]);
}
