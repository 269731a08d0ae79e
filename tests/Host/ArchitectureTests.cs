using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Text.RegularExpressions;
using Aperture.Plugins;

namespace Aperture.Host.Tests;

/// <summary>Which folder may refer to which, seen in the built assemblies.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string[] _abstractions = ["TorchSharp"];
    private static readonly string[] _modules = ["TorchSharp", "Aperture.Abstractions", "SkiaSharp", "SixLabors.ImageSharp"];
    private static readonly string[] _host = ["Aperture.Engine", "Aperture.Hosting", "Aperture.Scripting", "Aperture.Jupyter", "Aperture.Workshop", "aperture"];
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
        Assert.All(
            PluginCatalog.Read().Entries,
            entry => Assert.Single(
                Directory.EnumerateFiles(entry.Folder, "*.dll", SearchOption.AllDirectories), file => names.Contains(Path.GetFileName(file))));
    }

    /// <summary>Each line is a project of the host, the projects of the host that it refers to, and no others.</summary>
    [Theory]
    [InlineData("Aperture.Engine")]
    [InlineData("Aperture.Hosting", "Aperture.Engine")]
    [InlineData("Aperture.Scripting", "Aperture.Engine")]
    [InlineData("Aperture.Jupyter", "Aperture.Engine", "Aperture.Scripting")]
    [InlineData("Aperture.Workshop", "Aperture.Engine")]
    [InlineData("aperture", "Aperture.Engine", "Aperture.Scripting", "Aperture.Jupyter", "Aperture.Workshop")]
    public void Arrows_between_the_projects_of_the_host_go_one_way(string project, params string[] below) =>
        Assert.Equal(below.Order(StringComparer.Ordinal), References(project + ".dll").Intersect(_host).Order(StringComparer.Ordinal));

    [Fact]
    public void The_host_refers_to_no_plugin()
    {
        string[] plugins = [.. PluginAssemblies().Select(file => Path.GetFileNameWithoutExtension(file))];
        Assert.NotEmpty(plugins);
        Assert.All(_host, project => Assert.Empty(References(project + ".dll").Intersect(plugins)));
    }

    [Fact]
    public void Only_scripting_carries_a_compiler_and_draws_plots()
    {
        string[] heavy = [.. References("Aperture.Scripting.dll").Where(IsHeavy)];
        Assert.Contains("Microsoft.CodeAnalysis.CSharp", heavy);
        Assert.Contains("ScottPlot", heavy);
        Assert.All(_host.Where(project => project != "Aperture.Scripting"), project => Assert.DoesNotContain(References(project + ".dll"), IsHeavy));
    }

    [Fact]
    public void Nothing_that_the_engine_needs_brings_a_compiler_along()
    {
        HashSet<string> reached = new(StringComparer.OrdinalIgnoreCase);
        Queue<string> waiting = new(["Aperture.Engine"]);
        while (waiting.TryDequeue(out string? name))
        {
            if (reached.Add(name) && File.Exists(Path.Combine(AppContext.BaseDirectory, name + ".dll")))
            {
                Array.ForEach(References(name + ".dll"), waiting.Enqueue);
            }
        }

        Assert.Contains("TorchSharp", reached);
        Assert.DoesNotContain(reached, IsHeavy);
    }

    private static bool IsHeavy(string assembly) =>
        assembly.StartsWith("Microsoft.CodeAnalysis", StringComparison.OrdinalIgnoreCase) || assembly == "ScottPlot";

    private static IEnumerable<string> PluginAssemblies()
    {
        PluginDoctor doctor = new();
        return PluginCatalog.Read().Entries.Select(entry => doctor.Examine(entry.Folder).EntryAssembly!);
    }

    private static IEnumerable<string> Strangers(string file, string[] allowed)
    {
        string framework = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        return References(file)
            .Where(name => !allowed.Contains(name) && !ExtensionAbstractions().IsMatch(name) && !File.Exists(Path.Combine(framework, name + ".dll")));
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
