using Aperture.Plugins.DyVte.Analysis;

namespace Aperture.Plugins.DyVte.Tests.Analysis;

public sealed class AttentionStagesTests
{
    [Fact]
    public void Three_stages_are_found_where_attention_falls_and_rises_again()
    {
        double[] mass = [0.5, 0.6, 0.55, 0.3, 0.1, 0.05, 0.05, 0.06, 0.1, 0.2, 0.25, 0.2, 0.1, 0.02, 0.01];

        AttentionStages stages = AttentionStages.Find(mass, mass);

        Assert.Equal((4, 6, 12), (stages.FusionEnd, stages.ReasoningStart, stages.SuggestedExit));
    }

    [Fact]
    public void Attention_that_never_falls_has_no_stages_and_suggests_the_last_layer()
    {
        double[] mass = [0.4, 0.4, 0.45, 0.5];

        Assert.Equal(new AttentionStages(null, null, 3), AttentionStages.Find(mass, mass));
    }

    [Fact]
    public void Attention_that_falls_and_stays_low_has_no_reasoning()
    {
        double[] mass = [0.6, 0.5, 0.1, 0.05, 0.05, 0.04];

        AttentionStages stages = AttentionStages.Find(mass, mass);

        Assert.Equal((2, null), (stages.FusionEnd, stages.ReasoningStart));
    }
}
