using System.Runtime.CompilerServices;
using Aperture.Decoding;
using Aperture.Plugins.Hosting;

namespace Aperture.Host.Tests.Plugins;

[Collection(WholeProcess.Name)]
public sealed class PluginUnloadTests : IDisposable
{
    private const int Rounds = 20;

    private readonly PluginSandbox _sandbox = new();

    public static TheoryData<string> Shipped => [.. PluginCatalog.Read().Entries.Where(entry => entry.Enabled).Select(entry => entry.Id)];

    public void Dispose() => _sandbox.Dispose();

    [Theory]
    [MemberData(nameof(Shipped))]
    public async Task Every_shipped_plugin_leaves_memory_and_no_tensor_behind_each_time(string id)
    {
        PluginCatalog catalog = PluginCatalog.Read();
        await using PluginHost host = new(catalog, new PluginHostOptions { ShadowParent = _sandbox.Shadows });
        long before = LiveTensors.Settled();
        for (int round = 0; round < Rounds; round++)
        {
            Assert.Null(host.Load(id)?.Message);
            UseEveryMethod(host, id);
            DescribeEveryCommand(host, id);

            PluginUnload unload = await host.UnloadAsync(id);

            Assert.IsType<PluginUnload.Unloaded>(unload);
            Assert.Null(unload.DisposeError);
            Assert.Equal(before, TorchSharp.torch.Tensor.TotalCount);
        }
    }

    [Fact]
    public async Task Types_left_in_the_json_caches_do_not_keep_a_plugin()
    {
        _sandbox.Add("Cached");
        await using PluginHost host = _sandbox.Host("Cached");
        for (int round = 0; round < 3; round++)
        {
            Assert.Null(host.Load("cached"));
            Assert.Equal("""{"Rate":0.5}""", host.Plugins[0].Methods![0].Summary);

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
    private static int Contexts(string project) => AppDomain.CurrentDomain.GetAssemblies().Count(assembly => assembly.GetName().Name == $"TestPlugins.{project}");

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void DescribeEveryCommand(PluginHost host, string id)
    {
        using PluginLease lease = host.Lease(id);
        Assert.All(lease.Commands, command => Assert.All(command.Arguments.Concat(command.Options), described => Assert.NotEmpty(described.Summary)));
    }

    // Makes each method with its default options, where these suffice, and lets it declare its sites.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void UseEveryMethod(PluginHost host, string id)
    {
        string[] names = [.. host.Plugins.Single(plugin => plugin.Entry.Id == id).Methods!.Select(method => method.Name)];
        Assert.NotEmpty(names);
        foreach (string name in names)
        {
            try
            {
                using LeasedMethod method = host.Create(name, default, PluginSandbox.Decoder, _sandbox);
                (method.Method as ITokenReducer)?.Declare(AnySites.Reducer);
                (method.Method as ILayerRouter)?.Declare(AnySites.Router);
            }
            catch (ApertureException error)
            {
                // A method may need an option or a fitted file; then saying so is what it does.
                Assert.NotEmpty(error.Message);
            }
        }
    }
}
