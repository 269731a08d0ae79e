using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Pipelines;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Aperture.Host.Tests.Plugins;

[Collection(WholeProcess.Name)]
public sealed class PluginHostTests : IDisposable
{
    private readonly PluginSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task Loads_a_plugin_when_one_of_its_methods_is_first_asked_for()
    {
        _sandbox.Add("Echo");
        _sandbox.Add("Hoarder");
        await using PluginHost host = _sandbox.Host("Hoarder", "Echo");
        Assert.False(Directory.Exists(_sandbox.Shadows));

        using PluginLease lease = host.LeaseFor("ECHO");

        Assert.Equal("echo", lease.Entry.Id);
        Assert.Equal([false, true], host.Plugins.Select(plugin => plugin.Loaded));
        Assert.Equal([0, 1], host.Plugins.Select(plugin => plugin.Leases));
    }

    [Fact]
    public async Task Finds_a_method_whose_name_is_not_its_plugins_id()
    {
        _sandbox.Add("NoEntry");
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("NoEntry", "Echo");

        using PluginLease lease = host.LeaseFor("echo-again");

        Assert.Equal("echo", lease.Entry.Id);
    }

    [Fact]
    public async Task Unknown_method_names_those_there_are_and_the_plugins_that_failed()
    {
        _sandbox.Add("NoEntry");
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("NoEntry", "Echo");

        string message = Assert.Throws<ApertureException>(() => host.LeaseFor("nothing")).Message;

        Assert.StartsWith("There is no method 'nothing'; there are echo, echo-again. Plugin 'noentry': ", message);
    }

    [Fact]
    public async Task Disabled_plugin_is_refused_by_id_and_by_method()
    {
        PluginEntry entry = new("echo", _sandbox.Add("Echo"), Enabled: false);
        await using PluginHost host = new(new PluginCatalog([entry]), new PluginHostOptions { ShadowParent = _sandbox.Shadows });

        Assert.Contains("set \"enabled\": true", Assert.Throws<ApertureException>(() => host.Load("echo")).Message);
        Assert.Contains("set \"enabled\": true", Assert.Throws<ApertureException>(() => host.LeaseFor("echo")).Message);
    }

    [Fact]
    public async Task Contract_types_have_one_identity_across_the_boundary()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        using PluginLease lease = host.Lease("echo");

        object factory = lease.Methods[0];
        Assembly assembly = factory.GetType().Assembly;
        Type contract = factory.GetType().GetInterfaces().Single(type => type.Name == nameof(IMethodFactory));

        Assert.Same(typeof(IMethodFactory), contract);
        Assert.Equal("echo", ((IMethodFactory)factory).Name);
        Assert.NotSame(AssemblyLoadContext.Default, AssemblyLoadContext.GetLoadContext(assembly));
        Assert.True(assembly.IsCollectible);
        AssemblyLoadContext context = AssemblyLoadContext.GetLoadContext(assembly)!;
        Assert.Equal([assembly], context.Assemblies);
        string[] assemblies =
        [
            "Aperture.Abstractions", "Aperture.Modules", "TorchSharp", "SkiaSharp", "SixLabors.ImageSharp",
            "Microsoft.Extensions.DependencyInjection.Abstractions",
        ];
        foreach (string shared in assemblies)
        {
            Assert.Same(AssemblyLoadContext.Default.LoadFromAssemblyName(new AssemblyName(shared)), context.LoadFromAssemblyName(new AssemblyName(shared)));
        }
    }

    [Fact]
    public async Task Methods_get_the_plugins_default_options()
    {
        _sandbox.Add("Echo");
        using JsonDocument defaults = JsonDocument.Parse("""{ "Text": "default", "echo-again": { "Text": "own" } }""");
        await using PluginHost host = _sandbox.Host(defaults.RootElement, "Echo");

        using LeasedMethod one = host.Create("echo", default, PluginSandbox.Decoder, _sandbox);
        using LeasedMethod two = host.Create("echo-again", default, PluginSandbox.Decoder, _sandbox);

        Assert.Equal("""echo {"Text":"default"}""", one.Method.Name);
        Assert.Equal("""echo-again {"Text":"own"}""", two.Method.Name);
    }

    [Fact]
    public async Task A_method_that_cannot_be_made_leaves_no_lease()
    {
        _sandbox.Add("Echo");
        using JsonDocument options = JsonDocument.Parse("""{ "refuse": true }""");
        await using PluginHost host = _sandbox.Host("Echo");

        Assert.Throws<ApertureException>(() => host.Create("echo", options.RootElement, PluginSandbox.Decoder, _sandbox));

        Assert.Equal(0, host.Plugins[0].Leases);
    }

    [Fact]
    public async Task Services_of_a_plugin_can_log_through_the_hosts_loggers()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        using PluginLease lease = host.Lease("echo");

        Assert.NotNull(lease.Services.GetRequiredService<ILogger<PluginHostTests>>());
    }

    [Fact]
    public async Task Unload_refuses_while_leases_are_out_and_says_how_many()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        using PluginLease lease = host.Lease("echo");
        using LeasedMethod method = host.Create("echo", default, PluginSandbox.Decoder, _sandbox);

        PluginUnload.InUse refused = Assert.IsType<PluginUnload.InUse>(await host.UnloadAsync("echo"));
        Assert.Equal(2, refused.Leases);
        Assert.Contains("in use by 2 objects", refused.Message);
        Assert.False((await host.ReloadAsync("echo")).Reloaded);

        method.Dispose();
        method.Dispose();
        Assert.Equal(1, Assert.IsType<PluginUnload.InUse>(await host.UnloadAsync("echo")).Leases);
        lease.Dispose();
        lease.Dispose();
        Assert.Throws<ObjectDisposedException>(() => lease.Methods);
        Assert.IsType<PluginUnload.Unloaded>(await host.UnloadAsync("echo"));
        Assert.IsType<PluginUnload.NotLoaded>(await host.UnloadAsync("echo"));
    }

    [Fact]
    public async Task Unload_waits_for_leases_and_gives_no_new_ones_meanwhile()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        using PluginLease lease = host.Lease("echo");

        Task<PluginUnload> unload = host.UnloadAsync("echo", TimeSpan.FromMinutes(5));
        Assert.False(unload.IsCompleted);
        Assert.Contains("is being unloaded", Assert.Throws<ApertureException>(() => host.Lease("echo")).Message);
        await Assert.ThrowsAsync<ApertureException>(() => host.UnloadAsync("echo"));
        lease.Dispose();

        Assert.IsType<PluginUnload.Unloaded>(await unload);
    }

    [Fact]
    public async Task Cancelled_wait_leaves_the_plugin_usable()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        using PluginLease lease = host.Lease("echo");
        using CancellationTokenSource cancellation = new();

        Task<PluginUnload> unload = host.UnloadAsync("echo", TimeSpan.FromMinutes(5), cancellation.Token);
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => unload);
        Assert.Equal("echo", lease.Method("Echo").Name);
        host.Lease("echo").Dispose();
    }

    [Fact]
    public async Task Reload_takes_up_the_replaced_file()
    {
        string folder = _sandbox.Add("Echo", "Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        Assert.Null(host.Load("echo"));
        Assert.Equal("version 1", host.Plugins[0].Methods[0].Summary);
        string location = host.Plugins[0].Methods[1].Summary;
        Assert.StartsWith(_sandbox.Shadows, location);

        _sandbox.Add("EchoNext", "Echo");
        Assert.True(File.Exists(location));
        PluginReload reload = await host.ReloadAsync("echo");

        Assert.True(reload.Reloaded, reload.Message);
        Assert.IsType<PluginUnload.Unloaded>(reload.Unload);
        Assert.Equal(["version 2"], host.Plugins[0].Methods.Select(method => method.Summary));
        Assert.False(File.Exists(location));

        Directory.Delete(folder, recursive: true);
        reload = await host.ReloadAsync("echo");
        Assert.IsType<PluginFailure.FolderMissing>(reload.Failure);
        Assert.False(reload.Reloaded);
    }

    [Fact]
    public async Task Copies_are_deleted_with_the_host_and_those_of_dead_processes_with_the_next_one()
    {
        _sandbox.Add("Echo");
        string dead = Directory.CreateDirectory(Path.Combine(_sandbox.Shadows, "aperture-plugins-dead")).FullName;
        File.WriteAllText(Path.Combine(dead, "owner.lock"), "");
        string foreign = Directory.CreateDirectory(Path.Combine(_sandbox.Shadows, "something-else")).FullName;
        await using (PluginHost other = _sandbox.Host("Echo"))
        {
            other.Load("echo");
            await using PluginHost host = _sandbox.Host("Echo");
            host.Load("echo");

            Assert.False(Directory.Exists(dead));
            Assert.Equal(3, Directory.GetDirectories(_sandbox.Shadows).Length);
            Assert.All([other, host], alive => Assert.True(File.Exists(alive.Plugins[0].Methods[1].Summary)));
        }

        Assert.Equal([foreign], Directory.GetDirectories(_sandbox.Shadows));
    }

    [Fact]
    public async Task Runs_a_plugins_module_and_leaves_no_tensor_behind()
    {
        _sandbox.Add("Echo");
        await using PluginHost host = _sandbox.Host("Echo");
        long before = LiveTensors.Settled();

        RunReducer(host);
        Assert.IsType<PluginUnload.Unloaded>(await host.UnloadAsync("echo"));

        // TorchSharp's count keeps one for each Parameter ever made (the tensor that it takes over is not taken off): weight and bias of the module.
        Assert.Equal(before + 2, TorchSharp.torch.Tensor.TotalCount);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void RunReducer(PluginHost host)
    {
        using LeasedMethod method = host.Create("echo", default, PluginSandbox.Decoder, _sandbox);
        ITokenReducer reducer = Assert.IsAssignableFrom<ITokenReducer>(method.Method);
        reducer.Declare(AnySites.Reducer);
        Assert.True(TorchSharp.torch.Tensor.TotalCount > 0);
    }
}
