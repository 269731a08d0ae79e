using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scripting;
using Aperture.Scripting.Tests.Sessions;

namespace Aperture.Host.Tests.Plugins;

/// <summary>Plugins that come and go while a session is alive.</summary>
[Collection(WholeProcess.Name)]
public sealed class PluginSessionTests : IDisposable
{
    private const string Echo = "TestPlugins.Echo";
    private readonly PluginSandbox _sandbox = new();
    private readonly PluginHost _host;
    private readonly ScriptFixture _script;

    public PluginSessionTests()
    {
        _sandbox.Add("Echo", Echo);
        _host = _sandbox.Host(Echo);
        _script = new ScriptFixture(options => options with { ResolveAssembly = _host.FindAssembly, RetiredPluginOf = _host.RetiredPluginOf });
    }

    public void Dispose()
    {
        _script.Dispose();
        _host.DisposeAsync().AsTask().GetAwaiter().GetResult();
        _sandbox.Dispose();
    }

    [Fact]
    public async Task A_variable_with_an_object_of_an_unloaded_plugin_is_named_when_it_is_used()
    {
        await Declare();
        await _script.Run("var other = 1; var boxed = new object[] { plugin };");
        Assert.Equal("EchoPlugin", await _script.Value("plugin.GetType().Name"));

        PluginReload reload = await _host.ReloadAsync("testplugins.echo");

        Assert.True(reload.Reloaded);
        Assert.Equal(["boxed", "plugin"], _script.Session.RetiredVariables.Select(v => v.Name).Order());
        ScriptResult.RuntimeError error = Assert.IsType<ScriptResult.RuntimeError>(await _script.Run("other\n + plugin.GetHashCode()"));
        Assert.Equal(
            "cell(2): The variable 'plugin' holds a EchoPlugin of plugin 'testplugins.echo' as it was before it was unloaded; declare it anew, 'var plugin = "
            + "…'.",
            error.ToString());
        Assert.Contains("'boxed'", Assert.IsType<ScriptResult.RuntimeError>(await _script.Run("boxed.Length")).ToString(), StringComparison.Ordinal);
        Assert.Equal(2, await _script.Value("other + 1"));
    }

    [Fact]
    public async Task Declaring_it_anew_takes_the_new_version_and_lets_the_old_one_go()
    {
        await Declare();
        WeakReference old = ContextOfVariable();
        await _host.ReloadAsync("testplugins.echo");
        Assert.True(old.IsAlive);

        await _script.Run("var plugin = new EchoPlugin();");

        Assert.Equal("EchoPlugin", await _script.Value("plugin.GetType().Name"));
        Assert.Empty(_script.Session.RetiredVariables);
        for (int i = 0; i < 30 && old.IsAlive; i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(10);
        }

        Assert.False(old.IsAlive);
    }

    [Fact]
    public async Task A_rebuilt_plugin_comes_in_with_a_reload()
    {
        await Declare();
        _sandbox.Add("EchoNext", Echo);
        await _host.ReloadAsync("testplugins.echo");
        await _script.Run("var plugin = new EchoPlugin();");
        Assert.Equal("version 2", _host.Plugins[0].Methods[0].Summary);
        Assert.Same(_host.FindAssembly(new System.Reflection.AssemblyName(Echo)), (await _script.Value("plugin"))!.GetType().Assembly);
    }

    [Fact]
    public void A_reload_that_leaves_the_old_version_in_memory_names_the_variables()
    {
        PluginReload reload = new(new PluginUnload.Pinned("echo", "who knows"), null) { Holders = ["a", "b"] };
        Assert.Equal(
            "Plugin 'echo' is reloaded; its old version stays in memory as long as variables hold objects of it: a, b. Declare them anew.", reload.Message);
    }

    private async Task Declare()
    {
        await _script.Run($"#r \"{Echo}\"\nusing Aperture.TestPlugins;");
        Assert.IsType<ScriptResult.Value>(await _script.Run("var plugin = new EchoPlugin();"));
    }

    private WeakReference ContextOfVariable() => new(System.Runtime.Loader.AssemblyLoadContext.GetLoadContext(
        _script.Session.Variables.Single(v => v.Name == "plugin").Value!.GetType().Assembly));
}
