using System.Runtime.CompilerServices;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

[Collection(WholeProcess.Name)]
public sealed class PluginUnloadTests : IDisposable
{
    private readonly PluginSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task Types_left_in_the_json_caches_do_not_keep_a_plugin()
    {
        _sandbox.Add("Cached");
        await using PluginHost host = _sandbox.Host("Cached");
        for (int round = 0; round < 3; round++)
        {
            Assert.Null(host.Load("cached"));
            Assert.Equal("""{"Rate":0.5}""", host.Plugins[0].Methods[0].Summary);

            PluginUnload.Unloaded unload = Assert.IsType<PluginUnload.Unloaded>(await host.UnloadAsync("cached"));

            Assert.Equal("InvalidOperationException: still busy", unload.DisposeError);
        }
    }

    [Fact]
    public async Task Pinned_plugin_is_reported_with_what_is_likely_to_hold_it()
    {
        _sandbox.Add("Hoarder");
        await using PluginHost host = _sandbox.Host("Hoarder");
        Assert.Null(host.Load("hoarder"));

        PluginReload reload = await host.ReloadAsync("hoarder");

        Assert.Contains("System.ComponentModel.TypeDescriptor", Assert.IsType<PluginUnload.Pinned>(reload.Unload).Hint);
        Assert.True(reload.Reloaded);
    }

    [Fact]
    public async Task Object_kept_by_the_caller_pins_the_plugin_until_it_is_dropped()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        object?[] kept = [KeepFactory(host)];

        Assert.Contains("static field", Assert.IsType<PluginUnload.Pinned>(await host.UnloadAsync("echo")).Hint);
        GC.KeepAlive(kept);
        kept[0] = null;

        Assert.Null(host.Load("echo"));
        Assert.IsType<PluginUnload.Unloaded>(await host.UnloadAsync("echo"));
    }

    [Theory]
    [InlineData("ThrowingConstructor")]
    [InlineData("ThrowingRegister")]
    [InlineData("Misnamed")]
    [InlineData("NamelessVerb")]
    public async Task Failed_load_leaves_nothing_in_memory(string project)
    {
        _sandbox.Add(project);
        await using PluginHost host = _sandbox.Host(project);
        PluginFailure?[] failures = [.. Enumerable.Range(0, 3).Select(_ => host.Load(project))];

        for (int collections = 0; collections < 20 && Contexts(project) > 0; collections++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.All(failures, Assert.NotNull);
        Assert.Equal(0, Contexts(project));
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static object KeepFactory(PluginHost host)
    {
        using PluginLease lease = host.Lease("echo");
        return lease.Methods[0];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Contexts(string project)
        => AppDomain.CurrentDomain.GetAssemblies().Count(assembly => assembly.GetName().Name == $"TestPlugins.{project}");
}
