using System.ComponentModel;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Aperture.Files;

namespace Aperture.Scripting;

/// <summary>
/// Finds packages and what they depend on through <c>dotnet restore</c> of a project made for them, from the sources that NuGet's configuration names.
/// What was found for a set of packages is kept, so that the next start asks nobody.
/// </summary>
/// <param name="folder">Where results are kept; null where there is no place.</param>
/// <param name="baseFolder">Where the search for <c>nuget.config</c> starts.</param>
internal sealed class PackageRestore(string? folder, string baseFolder)
{
    private static readonly string[] _configurationNames = ["nuget.config", "NuGet.config", "NuGet.Config"];

    private static string Framework => $"net{Environment.Version.Major}.0";

    private static string Runtime => $"linux-{RuntimeInformation.ProcessArchitecture.ToString().ToLowerInvariant()}";

    /// <summary>The packages as they were found earlier; null if they were not, or are gone.</summary>
    public IReadOnlyList<PackageLibrary>? TryRead(IReadOnlyList<PackageRequest> requests)
        => folder is null ? null : PackageAssets.TryRead(PathOf(folder, requests), Runtime);

    /// <summary>Finds packages anew and keeps the result.</summary>
    /// <exception cref="PackageException">They cannot be had.</exception>
    public IReadOnlyList<PackageLibrary> Run(IReadOnlyList<PackageRequest> requests, CancellationToken cancellationToken)
    {
        if (folder is null)
        {
            throw new PackageException("NUGET", "Packages need a home folder, and there is none; set HOME or XDG_CACHE_HOME to a folder that can be written.");
        }

        string kept = PathOf(folder, requests), work = AtomicFile.Temporary(kept);
        try
        {
            using IDisposable held = FolderLock.Take(work, "another restore");
            string project = Path.Combine(work, "packages.csproj");
            File.WriteAllText(project, Project(requests));
            (int code, string output) = Restore(project, cancellationToken);
            if (code != 0)
            {
                throw PackageFailure.Explain(output, requests);
            }

            File.Move(Path.Combine(work, "obj", "project.assets.json"), kept, overwrite: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new PackageException("NUGET", $"Packages cannot be restored in '{folder}': {e.Message}");
        }
        finally
        {
            if (Directory.Exists(work))
            {
                Directory.Delete(work, recursive: true);
            }
        }

        return PackageAssets.TryRead(kept, Runtime)
            ?? throw new PackageException("NUGET", $"What 'dotnet restore' wrote about {string.Join(", ", requests)} cannot be read ('{kept}').");
    }

    private string PathOf(string kept, IReadOnlyList<PackageRequest> requests)
    {
        StringBuilder text = new($"packages 1\n{Environment.Version}\n{Runtime}\n");
        text.AppendJoin('\n', requests.Select(r => $"{r.Id} {r.Version}".ToLowerInvariant()).Order(StringComparer.Ordinal)).Append('\n');
        for (string? place = Path.GetFullPath(baseFolder); place is not null; place = Path.GetDirectoryName(place))
        {
            foreach (string configuration in _configurationNames.Select(name => Path.Combine(place, name)).Where(File.Exists))
            {
                text.Append(configuration).Append('\n').Append(File.ReadAllText(configuration)).Append('\n');
            }
        }

        return Path.Combine(kept, Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.ToString())))[..32] + ".json");
    }

    private string Project(IReadOnlyList<PackageRequest> requests) => $"""
        <Project Sdk="Microsoft.NET.Sdk">
          <PropertyGroup>
            <TargetFramework>{Framework}</TargetFramework>
            <RuntimeIdentifier>{Runtime}</RuntimeIdentifier>
            <SelfContained>false</SelfContained>
            <UseAppHost>false</UseAppHost>
            <NuGetAudit>false</NuGetAudit>
            <RestoreRootConfigDirectory>{System.Security.SecurityElement.Escape(Path.GetFullPath(baseFolder))}</RestoreRootConfigDirectory>
          </PropertyGroup>
          <ItemGroup>
        {string.Join('\n', requests.Select(r => $"    <PackageReference Include=\"{r.Id}\" Version=\"{r.Version}\" />"))}
          </ItemGroup>
        </Project>
        """;

    // The folders above may hold files that change every project below them.
    private (int Code, string Output) Restore(string project, CancellationToken cancellationToken)
    {
        ProcessStartInfo start = new(
            DotnetPath(),
            [
                "restore", project, "-nologo", "-v:q", "-tl:off", "-nodeReuse:false", "-p:ImportDirectoryBuildProps=false",
                "-p:ImportDirectoryBuildTargets=false", "-p:ImportDirectoryPackagesProps=false", "-p:ManagePackageVersionsCentrally=false",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = Path.GetDirectoryName(project),
        };
        start.Environment["DOTNET_CLI_UI_LANGUAGE"] = "en"; // Its errors are read.
        start.Environment["DOTNET_NOLOGO"] = "1";
        StringBuilder output = new();
        using Process process = new() { StartInfo = start };
        process.OutputDataReceived += (_, line) => Append(line.Data);
        process.ErrorDataReceived += (_, line) => Append(line.Data);
        try
        {
            process.Start();
        }
        catch (Win32Exception e)
        {
            throw new PackageException("NUGET", $"Packages need the .NET SDK, and '{start.FileName}' cannot be started: {e.Message}");
        }

        process.StandardInput.Close();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            process.WaitForExitAsync(cancellationToken).GetAwaiter().GetResult();
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
            throw;
        }

        return (process.ExitCode, output.ToString());

        void Append(string? line)
        {
            lock (output)
            {
                output.Append(line).Append('\n');
            }
        }
    }

    // The one that runs this program, where there is one.
    private static string DotnetPath()
    {
        string beside = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", "..", "dotnet"));
        return File.Exists(beside) ? beside : "dotnet";
    }
}
