using Aperture.Models;
using Aperture.Plugins;

namespace Aperture.Engine.Tests.Pipelines;

public sealed class UnusedWeightsTests
{
    private static readonly string[] _unclaimed =
    [
        "model.layers.2.router.weight", "model.layers.3.router.weight", "model.vision_tower.slow_vision_tower.vision_tower.stem.0.weight",
        "model.vision_tower.slow_vision_tower.vision_tower.stem.0.bias", "model.vlm_uni_query_projector.0.weight", "model.vlm_uni_query_projector.1.weight",
        "extra",
    ];

    private static readonly PluginMethod[] _known = [new("a", "fast", "", []), new("b", "routed", "", []) { WeightKeys = ["*layers.*.router.weight"] }];

    [Fact]
    public void Weights_of_a_method_that_does_not_act_name_it()
    {
        IReadOnlyList<string> lines = UnusedWeights.Describe("model", _unclaimed, _known, ["fast"]);

        Assert.Equal(2, lines.Count);
        Assert.Contains("weights of routed", lines[0], StringComparison.Ordinal);
        Assert.Contains("model.layers.* (2)", lines[0], StringComparison.Ordinal);
        Assert.Contains("model.vision_tower.slow_vision_tower.* (2), model.vlm_uni_query_projector.* (2), extra;", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public void Weights_of_a_method_that_acts_are_no_news()
    {
        IReadOnlyList<string> lines = UnusedWeights.Describe("model", _unclaimed, _known, ["Routed"]);

        Assert.DoesNotContain("router", Assert.Single(lines), StringComparison.Ordinal);
    }
}
