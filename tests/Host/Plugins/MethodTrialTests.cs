using Aperture.Hub;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Trials;

namespace Aperture.Host.Tests.Plugins;

/// <summary>What <c>plugins test</c> finds in methods that do something wrong, and that it finds nothing in those that ship.</summary>
[Collection(WholeProcess.Name)]
public sealed class MethodTrialTests : IDisposable
{
    private readonly PluginSandbox _sandbox = new();

    public static TheoryData<string> Shipped => ["fitprune", "random", "pooling", "downsample", "dyvte", "fastv", "eas"];

    public void Dispose() => _sandbox.Dispose();

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task Nothing_is_wrong_with_a_method_that_ships(string method)
    {
        await using EngineSession session = EngineSessions.Open();
        MethodTrial trial = Try(session, method);

        Assert.Empty(trial.Faults);
        Assert.Equal(6, trial.Questions);
    }

    [Fact]
    public async Task A_method_that_keeps_every_second_token_is_sound()
        => Assert.Empty((await Try("even", "sites.BeforeDecoder((_, t) => t.Keep(Enumerable.Range(0, t.Count / 2).Select(i => 2 * i).ToArray()));")).Faults);

    [Fact]
    public async Task Forgotten_tensors_are_counted()
    {
        MethodTrial trial = await Try("leaky", "sites.BeforeDecoder((_, t) => { var forgotten = t.Rows.mean(); return t; });");

        Assert.Equal(["3 questions left 2 tensors behind; dispose what its hooks make"], trial.Faults);
    }

    [Fact]
    public async Task Tensors_that_it_never_frees_are_counted()
    {
        MethodTrial trial = await Try("hoarding", "_kept = zeros(3);", members: "private Tensor _kept;");

        Assert.Equal(["disposing it leaves 1 tensor behind; free in Dispose what it made"], trial.Faults);
    }

    [Theory]
    [InlineData("new[] { 0, 9999 }")]
    [InlineData("new[] { 3, 3 }")]
    [InlineData("new[] { 4, 2 }")]
    public async Task Places_that_cannot_be_are_named_with_their_site(string places)
    {
        MethodTrial trial = await Try(
            "nonsense",
            $"sites.BeforeDecoder((_, t) => {{ var kept = t.Keep(new[] {{ 0, 1 }}); return new VisualTokens(kept.Rows, t.Segments[0].Grid, {places}); }});");

        string fault = Assert.Single(trial.Faults);
        Assert.Contains("before the decoder", fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_name_than_the_factorys_is_told()
        => Assert.Equal(
            ["it calls itself 'other', its factory 'named'; tables and refusals would show the one, users write the other"],
            (await Try("named", "", calls: "other")).Faults);

    [Fact]
    public async Task An_exception_is_told_with_its_place_in_the_code()
    {
        MethodTrial trial = await Try("throwing", "sites.BeforeDecoder((_, t) => throw new InvalidOperationException(\"broken on purpose\"));");

        string fault = Assert.Single(trial.Faults);
        Assert.Contains("broken on purpose", fault, StringComparison.Ordinal);
        Assert.Contains("Reducer", fault, StringComparison.Ordinal);
    }

    private Task<MethodTrial> Try(string name, string declare, string? calls = null, string members = "")
        => Try(name, new PluginEntry(name, WrittenPlugin.Write(_sandbox.Folder, name, declare, calls, members)));

    private async Task<MethodTrial> Try(string method, PluginEntry own)
    {
        PluginHost plugins = new(new PluginCatalog([.. PluginCatalog.Read().Entries, own]), new PluginHostOptions { ShadowParent = _sandbox.Shadows });
        await using EngineSession session = new(plugins, new HubCache(HubSettings.FromEnvironment()), new ModelOptions { Device = "cpu", Threads = 1 });
        return Try(session, method);
    }

    private static MethodTrial Try(EngineSession session, string method)
    {
        Pipeline model = session.Load("tiny-llava");
        Image picture = Image.Load(Path.Combine(AppContext.BaseDirectory, "scripts", "shelf.png"));
        return MethodTrial.Run(
            model, new MethodUse(method, default), [(picture, "What is in the top left?"), (picture, "How many boots are there?"), (null, "What is a boot?")]);
    }
}
