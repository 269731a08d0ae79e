using System.Reflection;
using System.Text.RegularExpressions;
using Aperture.Comparing;
using Aperture.Plugins;
using Aperture.Requests;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Host.Tests;

/// <summary>
/// No source under <c>abstractions/</c> and <c>host/</c> names a part of a plugin: a method, a family, a task or a method's weights. What a plugin is, it says
/// through contracts.
/// </summary>
public sealed class PluginNamesTests
{
    // Names that are words of the language, or of a layout that others share: looked for as whole strings alone, and not where documentation names a parameter.
    private static readonly string[] _ordinary = ["baselines", "downsample", "llava", "pooling", "random"];

    // Each with the reason why it stands there.
    private static readonly (string Name, string[] Files, string Reason)[] _exceptions =
    [
        ("fastv", ["FlopCount.cs", "WorkCounter.cs", "Comparison.cs", "ComparisonJson.cs"], "a published rule of counting FLOPs, shown beside the count"),
        ("downsample", ["ConvNextNames.cs"], "a part of the published names of ConvNeXt's weights"),
        ("downsample", ["OriginalPictureNames.cs"], "a part of the published names of an autoencoder's weights"),
        ("llava", ["RandomCheckpoint.cs"], "the benchmark's whole model is written in a published layout, whose configuration names it"),
        ("llava", ["ShelfModelFiles.cs"], "the shipped model is written in the same layout"),
        ("meter", ["EngineTelemetry.cs"], "the type that .NET's metrics come from"),
    ];

    [Fact]
    public async Task No_source_of_contracts_and_host_names_a_part_of_a_plugin()
    {
        await using PluginHost host = new(PluginCatalog.Read());
        (string Name, Regex Pattern)[] names = [.. Names(host).Select(name => (name, Pattern(name)))];
        string[] found = [.. Sources().SelectMany(file => Found(file, names))];

        Assert.Contains("gamma-mod", names.Select(name => name.Name));
        Assert.Contains("lavin", names.Select(name => name.Name));
        Assert.Contains("router.weight", names.Select(name => name.Name));
        Assert.True(found.Length == 0, $"These name what belongs to a plugin; say what is meant, or ask for it by a contract:\n{string.Join('\n', found)}");
    }

    [Fact]
    public void Every_exception_is_needed()
        => Assert.All(_exceptions.SelectMany(exception => exception.Files.Select(file => (exception.Name, File: file))), exception =>
        {
            string source = Assert.Single(Sources(), source => Path.GetFileName(source) == exception.File);
            Assert.Contains(File.ReadLines(source), line => Pattern(exception.Name).IsMatch(line));
        });

    [Theory]
    [InlineData("meter", "    public static string Meter(string answer)", true)]
    [InlineData("meter", "open it as \"meter\"", true)]
    [InlineData("meter", "a METER-like model, MeterModel, OpenMeterFile", true)]
    [InlineData("meter", "parameter, Parameters, PARAMETERS, diameter, meters", false)]
    [InlineData("eas", "use eas, or EasFiles", true)]
    [InlineData("eas", "least, Easy, areas, EASE, measure", false)]
    [InlineData("gamma-mod", "GammaMod, gamma_mod and gamma-MoD", true)]
    [InlineData("fitprune", "prefillFitpruneMs", true)]
    [InlineData("fastv", "FastVMacs, fastV", true)]
    [InlineData("random", "Random random = new(); // a random choice, Spread_random", false)]
    [InlineData("random", "/// <param name=\"random\">Source of chance.</param>", false)]
    [InlineData("random", "With(\"Random\")", true)]
    [InlineData("random", "{ \\\"name\\\": \\\"random\\\" }", true)]
    [InlineData("router.weight", "layers.0.router.weight", true)]
    [InlineData("router.weight", "the router's weight", false)]
    public void A_name_is_found_as_a_word_of_its_own_and_an_ordinary_one_as_a_string(string name, string line, bool found)
        => Assert.Equal(found, Pattern(name).IsMatch(line));

    // What the catalog names, what plugins register under a key, and what is peculiar to the names of their weights.
    private static HashSet<string> Names(PluginHost host)
    {
        IReadOnlyList<PluginMethod> methods = host.LoadAll(out IReadOnlyList<PluginFailure> failures);
        Assert.Empty(failures);
        return
        [
            .. host.Catalog.Entries.Select(entry => entry.Id.ToLowerInvariant()),
            .. host.Catalog.Entries.SelectMany(entry => Registered(host, entry)).Select(name => name.ToLowerInvariant()),
            .. methods.SelectMany(method => method.WeightKeys).Select(pattern => pattern.Split('*').MaxBy(part => part.Length)!.Trim('.')),
        ];
    }

    private static IEnumerable<string> Registered(PluginHost host, PluginEntry plugin)
    {
        ServiceCollection services = new();
        Assembly assembly = host.FindAssembly(new AssemblyName(Path.GetFileName(plugin.Folder)))!;
        Type entry = Assert.Single(assembly.GetExportedTypes(), typeof(IAperturePlugin).IsAssignableFrom);
        ((IAperturePlugin)Activator.CreateInstance(entry)!).Register(services);
        return services.Where(service => service.IsKeyedService).Select(service => Assert.IsType<string>(service.ServiceKey));
    }

    private static Regex Pattern(string name)
    {
        string literal = Regex.Escape(name);
        return name.Contains('.', StringComparison.Ordinal) || name.Contains('_', StringComparison.Ordinal) ? new Regex(literal)
            : _ordinary.Contains(name) ? new Regex($"(?<!\\bname=)\"{literal}\\\\?\"", RegexOptions.IgnoreCase)

            // A word, or a part of an identifier that begins with a capital letter behind a small one; no longer word begins with it.
            : new Regex($"(?:(?<![A-Za-z])|(?<=[a-z])(?=[A-Z]))(?i:{literal.Replace("-", "[-_ ]?", StringComparison.Ordinal)})(?![a-z]|(?<=[A-Z]{{2}})[A-Z])");
    }

    private static IEnumerable<string> Found(string file, (string Name, Regex Pattern)[] names)
    {
        string path = Path.GetRelativePath(Repository.Path(), file);
        string[] lines = [path, .. File.ReadAllLines(file)];
        return from name in names
               where !_exceptions.Any(exception => exception.Name == name.Name && exception.Files.Contains(Path.GetFileName(file)))
               from number in Enumerable.Range(0, lines.Length)
               where name.Pattern.IsMatch(lines[number])
               select $"{path}:{number} {name.Name}: {lines[number].Trim()}";
    }

    private static IEnumerable<string> Sources()
        => from folder in new[] { "abstractions", "host" }
           from file in Directory.EnumerateFiles(Repository.Path(folder), "*.cs", SearchOption.AllDirectories)
           where !file.Split(Path.DirectorySeparatorChar).Any(part => part is "bin" or "obj")
           select file;
}
