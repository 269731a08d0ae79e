using Aperture.Plugins;

namespace Aperture.Host.Tests.Plugins;

public sealed class PluginDoctorTests : IDisposable
{
    private readonly PluginSandbox _sandbox = new();

    public void Dispose() => _sandbox.Dispose();

    [Fact]
    public void Tells_shared_from_private_and_lists_no_framework_assembly()
    {
        string folder = _sandbox.Add("Echo");
        File.Copy(Path.Combine(_sandbox.Add("Misnamed"), "TestPlugins.Misnamed.dll"), Path.Combine(folder, "TestPlugins.Misnamed.dll"));
        File.WriteAllText(Path.Combine(folder, "libown.so"), "");

        PluginReport report = new PluginDoctor().Examine(folder);

        Assert.Null(report.Failure);
        Assert.Equal("Aperture.TestPlugins.EchoPlugin", report.EntryType);
        Assert.Equal(["TestPlugins.Echo"], Names(report, PluginPartKind.Entry));
        Assert.Equal(["Aperture.Abstractions", "Microsoft.Extensions.DependencyInjection.Abstractions", "TorchSharp"], Names(report, PluginPartKind.Shared));
        Assert.Equal(["TestPlugins.Misnamed"], Names(report, PluginPartKind.Private));
        Assert.Equal(["libown.so"], Names(report, PluginPartKind.Native));
        Assert.Equal(6, report.Parts.Count);
    }

    [Fact]
    public void Names_what_is_missing_newer_broken_and_forbidden()
    {
        string folder = _sandbox.Add("Careless");
        string contracts = Path.Combine(_sandbox.Folder, "Aperture.Modules.dll");
        string absent = Path.Combine(_sandbox.Folder, "Absent.dll");
        CompiledAssembly.Write(contracts, """[assembly: System.Reflection.AssemblyVersion("9.0.0.0")] public class Later;""");
        CompiledAssembly.Write(absent, """[assembly: System.Reflection.AssemblyVersion("3.0.0.0")] public class Base;""");
        CompiledAssembly.Write(Path.Combine(folder, "Own.dll"), "public class A : Base; public class B : Later;", contracts, absent);
        File.WriteAllText(Path.Combine(folder, "Garbage.dll"), "not a library");

        PluginReport report = new PluginDoctor().Examine(folder);
        StringWriter text = new();
        report.WriteTo(text);

        Assert.Equal(["Absent"], Names(report, PluginPartKind.Missing));
        Assert.Equal(["Aperture.Modules"], Names(report, PluginPartKind.Newer));
        Assert.Equal(["Garbage.dll"], Names(report, PluginPartKind.Broken));
        Assert.Contains("TorchSharp.dll", Names(report, PluginPartKind.Forbidden));
        Assert.Contains("Aperture.Abstractions.dll", Names(report, PluginPartKind.Forbidden));
        Assert.Contains("missing", text.ToString());
        Assert.Contains("asked for by Own.dll; the host has", text.ToString());
        Assert.Contains("Refused: Plugin 'Careless' carries its own", text.ToString());
    }

    [Fact]
    public void Warns_of_what_keeps_a_plugin_in_memory()
    {
        PluginReport report = new PluginDoctor().Examine(_sandbox.Add("Hoarder"), "hoarder");

        Assert.Equal(["System.ComponentModel.TypeDescriptor"], report.Pins);
        Assert.Null(report.Failure);
    }

    private static string[] Names(PluginReport report, PluginPartKind kind) =>
        [.. report.Parts.Where(part => part.Kind == kind).Select(part => part.Name).Order(StringComparer.Ordinal)];
}
