using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using Aperture.Plugins.Hosting;

namespace Aperture.Host.Tests;

/// <summary>Which folder may refer to which, seen in the built assemblies.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string[] _abstractions = ["TorchSharp"];
    private static readonly string[] _modules = ["TorchSharp", "Aperture.Abstractions", "SkiaSharp"];
    private static readonly string[] _plugins = [.. _modules, "Aperture.Modules"];

    [Fact]
    public void Contracts_refer_to_the_framework_TorchSharp_and_extension_abstractions_only() =>
        Assert.Empty(Strangers("Aperture.Abstractions.dll", _abstractions));

    [Fact]
    public void Modules_refer_to_contracts_images_and_tokenizers_besides() =>
        Assert.Empty(Strangers("Aperture.Modules.dll", _modules));

    [Fact]
    public void Plugins_refer_to_abstractions_and_their_own_libraries_only()
    {
        string[] plugins = [.. PluginAssemblies()];
        Assert.NotEmpty(plugins);
        Assert.All(plugins, plugin =>
        {
            string[] own = [.. Directory.EnumerateFiles(Path.GetDirectoryName(plugin)!, "*.dll").Select(file => Path.GetFileNameWithoutExtension(file)!)];
            Assert.Empty(Strangers(plugin, [.. _plugins, .. own]));
            Assert.DoesNotContain(own, name => name.StartsWith("Aperture.", StringComparison.Ordinal) || name == "aperture");
        });
    }

    [Fact]
    public void No_plugin_folder_holds_another_plugin()
    {
        string[] names = [.. PluginAssemblies().Select(file => Path.GetFileName(file))];
        Assert.All(PluginCatalog.Read().Entries, entry => Assert.Single(Directory.EnumerateFiles(entry.Folder, "*.dll", SearchOption.AllDirectories), file => names.Contains(Path.GetFileName(file))));
    }

    [Fact]
    public void Host_refers_to_no_plugin_and_the_engine_not_to_the_command()
    {
        string[] plugins = [.. PluginAssemblies().Select(file => Path.GetFileNameWithoutExtension(file))];

        Assert.Empty(References("Aperture.Engine.dll").Intersect([.. plugins, "aperture"]));
        Assert.Empty(References("aperture.dll").Intersect(plugins));
        Assert.Contains("Aperture.Abstractions", References("Aperture.Engine.dll"));
    }

    private static IEnumerable<string> PluginAssemblies()
    {
        PluginDoctor doctor = new();
        return PluginCatalog.Read().Entries.Select(entry => doctor.Examine(entry.Folder).EntryAssembly!);
    }

    private static IEnumerable<string> Strangers(string file, string[] allowed)
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return References(file).Where(name => !allowed.Contains(name) && !ExtensionAbstractions().IsMatch(name) && !File.Exists(Path.Combine(framework, name + ".dll")));
    }

    private static string[] References(string file)
    {
        using PEReader image = new(File.OpenRead(Path.Combine(AppContext.BaseDirectory, file)));
        MetadataReader metadata = image.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }

    [GeneratedRegex(@"^Microsoft\.Extensions\.[A-Za-z.]+\.Abstractions$")]
    private static partial Regex ExtensionAbstractions();
}
