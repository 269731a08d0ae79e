using System.IO.Compression;
using System.Runtime.InteropServices;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Aperture.Host.Tests.Scripting;

/// <summary>A folder that is a source of packages, for one test; the packages are made here.</summary>
internal sealed class PackageFeed
{
    private readonly List<MetadataReference> _references = [];
    private readonly string _folder;

    /// <param name="root">Where scripts lie; what is restored goes below it as well.</param>
    /// <param name="source">Another source than the folder.</param>
    public PackageFeed(string root, string? source = null)
    {
        _folder = Directory.CreateDirectory(Path.Combine(root, "feed")).FullName;
        File.WriteAllText(
            Path.Combine(root, "nuget.config"),
            $"""
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <packageSources>
                <clear />
                <add key="local" value="{source ?? "feed"}" allowInsecureConnections="true" />
              </packageSources>
              <fallbackPackageFolders><clear /></fallbackPackageFolders>
            </configuration>
            """);
    }

    /// <summary>Adds a package.</summary>
    /// <param name="id">The package, and its assembly.</param>
    /// <param name="version">Its version.</param>
    /// <param name="code">The code of its assembly; null for none.</param>
    /// <param name="dependency">The package that it depends on, at version 1.0.0.</param>
    /// <param name="native">The name of a native library in it, which has the exports of <c>libSystem.Native</c>.</param>
    /// <param name="assembly">The name of the assembly; that of the package where it is null.</param>
    public PackageFeed Add(string id, string version, string? code, string? dependency = null, string? native = null, string? assembly = null)
    {
        using ZipArchive zip = ZipFile.Open(Path.Combine(_folder, $"{id}.{version}.nupkg"), ZipArchiveMode.Create);
        string needs = dependency is null ? "" : $"""<dependency id="{dependency}" version="1.0.0" />""";
        Write(
            zip,
            id + ".nuspec",
            System.Text.Encoding.UTF8.GetBytes(
                $"""
                <package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd">
                  <metadata>
                    <id>{id}</id><version>{version}</version><authors>test</authors><description>test</description>
                    <dependencies><group targetFramework="net8.0">{needs}</group></dependencies>
                  </metadata>
                </package>
                """));
        Write(zip, $"lib/net8.0/{(code is null ? "_._" : (assembly ?? id) + ".dll")}", code is null ? [] : Compile(assembly ?? id, code));
        if (native is not null)
        {
            string library = Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "libSystem.Native.so");
            string runtime = $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";
            Write(zip, $"runtimes/{runtime}/native/{native}", File.ReadAllBytes(library));
        }

        return this;
    }

    public void Delete() => Directory.Delete(_folder, recursive: true);

    private static void Write(ZipArchive zip, string name, byte[] content)
    {
        using Stream entry = zip.CreateEntry(name).Open();
        entry.Write(content);
    }

    private byte[] Compile(string name, string code)
    {
        CSharpCompilation compilation = CSharpCompilation.Create(
            name,
            [CSharpSyntaxTree.ParseText(code)],
            [MetadataReference.CreateFromFile(typeof(object).Assembly.Location), .. _references],
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        using MemoryStream image = new();
        Assert.Empty(compilation.Emit(image).Diagnostics.Where(d => d.Severity == DiagnosticSeverity.Error));
        _references.Add(MetadataReference.CreateFromImage(image.ToArray()));
        return image.ToArray();
    }
}
