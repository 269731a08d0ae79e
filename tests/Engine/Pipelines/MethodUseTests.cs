using Aperture.Models;

namespace Aperture.Engine.Tests.Pipelines;

public sealed class MethodUseTests
{
    [Theory]
    [InlineData("random", "random", "{}")]
    [InlineData("fitprune:Reduction=0.6", "fitprune", "{\"Reduction\":0.6}")]
    [InlineData("fitprune:Recipe=[1,2,3],ScoreMode=sum", "fitprune", "{\"Recipe\":[1,2,3],\"ScoreMode\":\"sum\"}")]
    [InlineData("fitprune:StableTies=false", "fitprune", "{\"StableTies\":false}")]
    public void The_command_line_form_becomes_json(string text, string name, string json)
    {
        MethodUse use = MethodUse.Parse(text);

        Assert.Equal(name, use.Name);
        Assert.Equal(json, use.Options.GetRawText());
    }

    [Theory]
    [InlineData("")]
    [InlineData(":Reduction=1")]
    [InlineData("fitprune:Reduction")]
    public void What_is_no_method_is_refused(string text) => Assert.Throws<ApertureException>(() => MethodUse.Parse(text));

    [Fact]
    public void Script_objects_become_json()
    {
        Assert.Equal(
            "{\"Reduction\":0.6,\"SkipLayers\":[3,5],\"Name\":\"a\",\"Deep\":{\"Flag\":true}}",
            OptionsJson.From(new { Reduction = 0.6, SkipLayers = new[] { 3, 5 }, Name = "a", Deep = new { Flag = true } }).GetRawText());
    }
}
