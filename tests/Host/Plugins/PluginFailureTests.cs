using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

public sealed class PluginFailureTests : IDisposable
{
    private readonly PluginSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public async Task Missing_folder_is_named()
    {
        PluginFailure.FolderMissing failure = await LoadAsync<PluginFailure.FolderMissing>("Nowhere");

        Assert.Contains(Path.Combine(_sandbox.Folder, "Nowhere"), failure.Message);
    }

    [Fact]
    public async Task Folder_without_a_plugin_is_named()
    {
        Directory.CreateDirectory(Path.Combine(_sandbox.Folder, "Empty"));

        Assert.Contains("EnableDynamicLoading", (await LoadAsync<PluginFailure.FileMissing>("Empty")).Message);
    }

    [Theory]
    [InlineData("")]
    [InlineData("MZ and nothing more")]
    public async Task File_that_is_no_assembly_is_a_bad_image(string content)
    {
        Directory.CreateDirectory(Path.Combine(_sandbox.Folder, "Bad"));
        File.WriteAllText(Path.Combine(_sandbox.Folder, "Bad", "Bad.dll"), content);

        Assert.EndsWith("Bad.dll", (await LoadAsync<PluginFailure.BadImage>("Bad")).File);
    }

    [Fact]
    public async Task Assembly_cut_short_is_a_bad_image()
    {
        string file = Path.Combine(_sandbox.Add("Echo"), "TestPlugins.Echo.dll");
        File.WriteAllBytes(file, File.ReadAllBytes(file)[..^2048]);

        await LoadAsync<PluginFailure.BadImage>("Echo");
    }

    [Fact]
    public async Task Own_torch_is_refused_before_loading()
    {
        _sandbox.Add("Careless");

        PluginFailure.OwnTorch failure = await LoadAsync<PluginFailure.OwnTorch>("Careless");

        Assert.Contains("TorchSharp.dll", failure.Files);
        Assert.Contains("libLibTorchSharp.so", failure.Files);
        Assert.Contains("<PackageReference Include=\"TorchSharp\" ExcludeAssets=\"runtime;native\" />", failure.Message);
    }

    [Theory]
    [InlineData("runtimes/linux-x64/native/libtorch_cpu.so")]
    [InlineData("libc10.so")]
    public async Task Own_libtorch_is_refused_wherever_it_lies(string file)
    {
        string target = Path.Combine(_sandbox.Add("Echo"), file);
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.WriteAllText(target, "");

        Assert.Equal([file], (await LoadAsync<PluginFailure.OwnTorch>("Echo")).Files);
    }

    [Fact]
    public async Task TorchSharp_under_another_name_is_refused()
    {
        File.Copy(Path.Combine(AppContext.BaseDirectory, "TorchSharp.dll"), Path.Combine(_sandbox.Add("Echo"), "Harmless.dll"));

        Assert.Equal(["Harmless.dll"], (await LoadAsync<PluginFailure.OwnTorch>("Echo")).Files);
    }

    [Fact]
    public async Task Own_copies_of_shared_assemblies_are_refused()
    {
        string folder = _sandbox.Add("Careless");
        File.Delete(Path.Combine(folder, "TorchSharp.dll"));
        File.Delete(Path.Combine(folder, "libLibTorchSharp.so"));

        PluginFailure.OwnSharedAssembly failure = await LoadAsync<PluginFailure.OwnSharedAssembly>("Careless");

        Assert.Equal(
            [
                "Aperture.Abstractions.dll", "Microsoft.Extensions.DependencyInjection.Abstractions.dll", "Microsoft.Extensions.Logging.Abstractions.dll",
                "SkiaSharp.dll",
            ],
            failure.Files.Order(StringComparer.Ordinal));
        Assert.Contains("Private=\"false\" ExcludeAssets=\"runtime\"", failure.Message);
    }

    [Fact]
    public async Task Newer_contracts_are_refused_with_both_versions()
    {
        string future = Path.Combine(_sandbox.Folder, "contracts", "Aperture.Abstractions.dll");
        CompiledAssembly.Write(
            future,
            """[assembly: System.Reflection.AssemblyVersion("9.8.7.0")] namespace Aperture.Plugins { public interface IAperturePlugin { void Tell(); } }""");
        CompiledAssembly.Write(
            Path.Combine(_sandbox.Folder, "Future", "Future.dll"),
            "public sealed class Entry : Aperture.Plugins.IAperturePlugin { public void Tell() { } }",
            future);

        PluginFailure.NewerThanHost failure = await LoadAsync<PluginFailure.NewerThanHost>("Future");

        Assert.Equal("Aperture.Abstractions", failure.Assembly);
        Assert.Equal(new Version(9, 8, 7, 0), failure.Built);
        Assert.Contains($"9.8.7.0, the host has {PluginContract.Version}", failure.Message);
    }

    [Fact]
    public void Contract_version_is_the_assembly_version() =>
        Assert.Equal(PluginContract.Version, typeof(PluginContract).Assembly.GetName().Version!.ToString(3));

    [Fact]
    public async Task Types_that_cannot_be_the_entry_are_named()
    {
        _sandbox.Add("NoEntry");

        PluginFailure.NoEntryType failure = await LoadAsync<PluginFailure.NoEntryType>("NoEntry");

        Assert.Equal(
            ["Aperture.TestPlugins.ArguingPlugin has no public parameterless constructor", "Aperture.TestPlugins.HiddenPlugin is not public"],
            failure.Unusable.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Several_entry_types_are_named()
    {
        _sandbox.Add("TwoEntries");

        PluginFailure.SeveralEntryTypes failure = await LoadAsync<PluginFailure.SeveralEntryTypes>("TwoEntries");

        Assert.Equal(["Aperture.TestPlugins.FirstPlugin", "Aperture.TestPlugins.SecondPlugin"], failure.Types.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Throwing_constructor_is_reported_as_text()
    {
        _sandbox.Add("ThrowingConstructor");

        PluginFailure.ConstructorThrew failure = await LoadAsync<PluginFailure.ConstructorThrew>("ThrowingConstructor");

        Assert.Equal("OwnException: no licence file", failure.Error);
        Assert.Contains("ThrowingConstructorPlugin..ctor", failure.Details);
    }

    [Fact]
    public async Task Throwing_register_is_reported_as_text()
    {
        _sandbox.Add("ThrowingRegister");

        Assert.Equal("NotSupportedException: not on this machine", (await LoadAsync<PluginFailure.RegisterThrew>("ThrowingRegister")).Error);
    }

    [Fact]
    public async Task Method_registered_under_a_name_not_its_own_is_refused()
    {
        _sandbox.Add("Misnamed");

        Assert.Contains("registered as 'one' calls itself 'another'", (await LoadAsync<PluginFailure.InvalidMethods>("Misnamed")).Message);
    }

    [Fact]
    public async Task Command_under_another_name_is_named()
    {
        _sandbox.Add("NamelessVerb");

        Assert.Contains("registered as 'outspoken' calls itself 'shy'", (await LoadAsync<PluginFailure.InvalidCommands>("NamelessVerb")).Message);
    }

    [Fact]
    public async Task Two_plugins_cannot_offer_the_same_method()
    {
        _sandbox.Add("Echo");
        _sandbox.Add("EchoNext");
        await using PluginHost host = _sandbox.Host("Echo", "EchoNext");

        Assert.Equal(["echo", "echo-again"], host.LoadAll(out IReadOnlyList<PluginFailure> failures).Select(method => method.Name));
        Assert.Contains("'echo' is offered by plugin 'echo' already", Assert.IsType<PluginFailure.InvalidMethods>(Assert.Single(failures)).Message);
    }

    private async Task<T> LoadAsync<T>(string folder)
        where T : PluginFailure
    {
        await using PluginHost host = _sandbox.Host(folder);
        T failure = Assert.IsType<T>(host.Load(folder));

        Assert.StartsWith($"Plugin '{folder.ToLowerInvariant()}'", failure.Message);
        Assert.EndsWith(".", failure.Message);
        Assert.DoesNotContain('\n', failure.Message);
        Assert.Equal(failure.Message, Assert.Throws<ApertureException>(() => host.Lease(folder)).Message);
        Assert.Same(failure.GetType(), host.Plugins[0].Failure!.GetType());
        return failure;
    }
}
