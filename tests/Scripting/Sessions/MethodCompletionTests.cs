using Aperture.Plugins;
using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

/// <summary>Names of methods and of their options while a pipeline's <c>With</c> is being written.</summary>
public sealed class MethodCompletionTests : IDisposable
{
    private static readonly PluginMethod[] _methods =
    [
        new("a", "prune", "Prunes.", [new("Reduction", "number", "0.6", ""), new("Recipe", "text", "none", ""), new("Seed", "integer", "0", "")]),
        new("a", "pool", "Pools.", []),
        new("b", "exit", "Exits.", [new("Layer", "integer", "2", "")]),
    ];

    private readonly ScriptFixture _script = new(options => options with { Methods = () => _methods });
    private readonly SessionIntelligence _intelligence;

    public MethodCompletionTests() => _intelligence = new SessionIntelligence(_script.Session);

    public void Dispose()
    {
        _intelligence.Dispose();
        _script.Dispose();
    }

    [Theory]
    [InlineData("llava.With(\"|", "exit pool prune")]
    [InlineData("llava.With(\"p|", "pool prune")]
    [InlineData("llava.With(\"pr|\")", "prune")]
    [InlineData("var x = llava.With(\"exit\").With(\"po|\", new { A = 1 });", "pool")]
    [InlineData("(await Models.Load(\"x\")).With(\"|\")", "exit pool prune")]
    [InlineData("llava.With(\"prune\", new { |", "Reduction Recipe Seed")]
    [InlineData("llava.With(\"prune\", new { Re| })", "Reduction Recipe")]
    [InlineData("llava.With(\"prune\", new { Reduction = 0.5, | })", "Recipe Seed")]
    [InlineData("llava.With(\"prune\", new { S| = 1, Recipe = \"\" })", "Seed")]
    [InlineData("llava.With(\"nosuch\", new { |", "")]
    public async Task Names_are_offered(string code, string expected)
    {
        CodeCompletions found = await Complete(code);
        Assert.Equal(expected, string.Join(' ', found.Items.Select(item => item.Text)));
    }

    [Fact]
    public async Task What_is_written_of_a_name_is_replaced()
    {
        CodeCompletions found = await Complete("llava.With(\"pr|une\")");
        Assert.Equal((12, 5), (found.Start, found.Length));
        Assert.Equal(new CodeCompletion("prune", "prune", "method"), Assert.Single(found.Items));

        found = await Complete("llava.With(\"prune\", new { Rec| })");
        Assert.Equal((26, 3), (found.Start, found.Length));
        Assert.Equal(new CodeCompletion("Recipe", "Recipe = none", "property"), Assert.Single(found.Items));
    }

    [Theory]
    [InlineData("llava.With(\"prune\"|)")]
    [InlineData("llava.Without(\"|\")")]
    [InlineData("llava.With(\"prune\", \"|\")")]
    [InlineData("new { | }")]
    [InlineData("llava.With(\"prune\", new { Reduction = Math.Ab| })")]
    public async Task Elsewhere_the_compiler_answers(string code)
        => Assert.DoesNotContain((await Complete(code)).Items, item => item.Text is "prune" or "Recipe");

    private Task<CodeCompletions> Complete(string code)
    {
        int position = code.IndexOf('|', StringComparison.Ordinal);
        return _intelligence.CompleteAsync(code.Remove(position, 1), position);
    }
}
