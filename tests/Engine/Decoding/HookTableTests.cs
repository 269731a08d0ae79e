using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Engine.Tests.Decoding;

public sealed class HookTableTests
{
    private static readonly DecoderInfo _info = new()
    {
        Model = "small",
        Layers = 4,
        HiddenSize = 8,
        IntermediateSize = 8,
        Heads = 2,
        KeyValueHeads = 2,
        HeadSize = 4,
        VocabularySize = 10,
    };

    [Fact]
    public void Two_replacements_of_one_layer_are_refused_with_both_names()
    {
        string message = Refusal(Route("eas", 2, RouteUse.Composite), Route("mod", 2, RouteUse.Composite));

        Assert.Contains("eas", message, StringComparison.Ordinal);
        Assert.Contains("mod", message, StringComparison.Ordinal);
        Assert.Contains("layer 2", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Reading_the_attention_of_a_routed_layer_is_refused_with_both_names()
    {
        ProbeReducer reader = new("dyvte", sites => sites.AfterLayer(1, DecoderPhase.Prefill, needsAttention: true, (_, _, _) => null));

        string message = Refusal(reader, Route("mod", 1, RouteUse.Subset));

        Assert.Contains("dyvte", message, StringComparison.Ordinal);
        Assert.Contains("mod", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_reducer_with_no_attention_left_to_act_on_is_refused_with_both_names()
    {
        string message = Refusal(Dropper("fitprune", 3), Route("eas", 3, RouteUse.Composite | RouteUse.NeverAttends));

        Assert.Contains("fitprune", message, StringComparison.Ordinal);
        Assert.Contains("eas", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(4)]
    public void A_layer_outside_the_model_is_refused(int layer)
    {
        string message = Refusal(Dropper("fitprune", layer));

        Assert.Contains($"fitprune names layer {layer}", message, StringComparison.Ordinal);
        Assert.Contains("0 to 3", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_step_on_a_layer_without_attention_moves_to_the_next_that_has_it()
    {
        HookTable table = HookTableBuilder.Build(_info, [Dropper("fitprune", 1), Route("eas", 1, RouteUse.Composite | RouteUse.NeverAttends)]);

        Assert.Null(table.Phase(DecoderPhase.Prefill)![1]!.AfterAttention);
        Assert.Single(table.Phase(DecoderPhase.Prefill)![2]!.AfterAttention!);
        Assert.Equal([1], table.LayersWithoutAttention);
    }

    [Fact]
    public void A_layer_without_attention_weights_needs_a_method_that_replaces_it_in_every_phase()
    {
        DecoderInfo partial = _info with { LayersWithoutAttention = [2] };
        ProbeRouter prefillOnly = new("half", sites => sites.Route(2, DecoderPhase.Prefill, RouteUse.Composite | RouteUse.NeverAttends, (_, _, _) => []));

        string none = Assert.Throws<ApertureException>(() => HookTableBuilder.Build(partial, [])).Message;
        string half = Assert.Throws<ApertureException>(() => HookTableBuilder.Build(partial, [Dropper("fitprune", 1), prefillOnly])).Message;

        Assert.Contains("no attention weights in layer 2, and no method stands in", none, StringComparison.Ordinal);
        Assert.Contains("fitprune, half do not stand in", half, StringComparison.Ordinal);
        HookTableBuilder.Build(
            partial, [new ProbeRouter("eas", sites => sites.Route(2, DecoderPhase.All, RouteUse.Composite | RouteUse.NeverAttends, (_, _, _) => []))]);
    }

    [Fact]
    public void A_phase_that_nobody_touches_has_no_rows()
    {
        HookTable table = HookTableBuilder.Build(_info, [Dropper("fitprune", 1)]);

        Assert.NotNull(table.Phase(DecoderPhase.Prefill));
        Assert.Null(table.Phase(DecoderPhase.Decode));
        Assert.Null(table.Phase(DecoderPhase.Prefill)![0]);
    }

    [Fact]
    public void Reducers_of_one_site_act_in_the_order_given()
    {
        List<string> acted = [];
        HookTable table = HookTableBuilder.Build(_info, [Dropper("a", 1, Noting("a")), Dropper("b", 1, Noting("b"))]);

        foreach (AfterAttentionHook hook in table.Phase(DecoderPhase.Prefill)![1]!.AfterAttention!)
        {
            hook(null!, null!);
        }

        Assert.Equal(["a", "b"], acted);

        AfterAttentionHook Noting(string name) => (_, _) =>
        {
            acted.Add(name);
            return null;
        };
    }

    private static string Refusal(params IDecoderMethod[] methods)
    {
        string message = Assert.Throws<ApertureException>(() => HookTableBuilder.Build(_info, methods)).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }

    private static ProbeReducer Dropper(string name, int layer, AfterAttentionHook? hook = null)
        => new(name, sites => sites.AfterAttention(layer, DecoderPhase.Prefill, hook ?? ((_, _) => null)));

    private static ProbeRouter Route(string name, int layer, RouteUse use)
        => new(name, sites => sites.Route(layer, DecoderPhase.Prefill, use, (_, _, _) => []));
}
