using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

/// <summary>What the doctor learns by loading a plugin and letting it go.</summary>
[Collection(WholeProcess.Name)]
public sealed class PluginTrialTests : IDisposable
{
    private readonly PluginSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task A_sound_plugin_is_loaded_named_and_unloaded()
    {
        PluginTrial trial = await Try(_sandbox.Add("Echo", "TestPlugins.Echo"));

        Assert.True(trial.IsSound);
        Assert.Equal(["method echo", "method echo-again"], trial.Parts);
        Assert.IsType<PluginUnload.Unloaded>(trial.Unload);
        Assert.EndsWith("  Loaded: method echo, method echo-again.\n  Plugin 'TestPlugins.Echo' is unloaded.\n", Text(trial), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ThrowingRegister", typeof(PluginFailure.RegisterThrew))]
    [InlineData("ThrowingConstructor", typeof(PluginFailure.ConstructorThrew))]
    [InlineData("Misnamed", typeof(PluginFailure.InvalidMethods))]
    [InlineData("NoEntry", typeof(PluginFailure.NoEntryType))]
    [InlineData("BrokenFamily", typeof(PluginFailure.FamilyThrew))]
    public async Task What_throws_or_cannot_be_used_is_refused_as_the_host_would(string project, Type failure)
    {
        PluginTrial trial = await Try(_sandbox.Add(project));

        Assert.False(trial.IsSound);
        Assert.IsType(failure, trial.Failure);
        Assert.Contains($"  Refused: {trial.Failure!.Message}", Text(trial), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_exception_is_told_with_its_place()
        => Assert.Contains(
            "    at Aperture.TestPlugins.ThrowingRegisterPlugin.Register", Text(await Try(_sandbox.Add("ThrowingRegister"))), StringComparison.Ordinal);

    [Fact]
    public async Task A_plugin_that_stays_in_memory_is_not_sound()
    {
        PluginTrial trial = await Try(_sandbox.Add("Hoarder"));

        Assert.False(trial.IsSound);
        Assert.IsType<PluginUnload.Pinned>(trial.Unload);
    }

    [Fact]
    public async Task A_dependency_that_the_plugin_itself_asks_for_is_missed()
    {
        string absent = Path.Combine(_sandbox.Folder, "Absent.dll"), folder = Path.Combine(_sandbox.Folder, "Lonely");
        string[] known = [.. new[] { "Aperture.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions" }.Select(Beside)];
        CompiledAssembly.Write(absent, "public class Absentee { public static void Help() { } }");
        CompiledAssembly.Write(
            Path.Combine(folder, "Lonely.dll"),
            """
            public sealed class Lonely : Aperture.Plugins.IAperturePlugin
            {
                public void Register(Microsoft.Extensions.DependencyInjection.IServiceCollection services) { }
                public void Later() => Absentee.Help();
            }
            """,
            [.. known, absent]);

        PluginTrial trial = await Try(folder);

        Assert.Null(trial.Failure);
        Assert.Equal(["Absent"], trial.Missing.Select(part => part.Name));
        Assert.False(trial.IsSound);
        Assert.Contains(
            "  Missing: Absent 0.0.0.0, asked for by Lonely.dll; neither in the folder nor in the host; copy", Text(trial), StringComparison.Ordinal);
    }

    private static string Beside(string assembly) => Path.Combine(AppContext.BaseDirectory, assembly + ".dll");

    private Task<PluginTrial> Try(string folder) => PluginTrial.RunAsync(folder, options: new PluginHostOptions { ShadowParent = _sandbox.Shadows });

    private static string Text(PluginTrial trial)
    {
        StringWriter text = new();
        trial.WriteTo(text);
        return text.ToString();
    }
}
