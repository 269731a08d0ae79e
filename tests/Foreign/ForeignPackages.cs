using System.Diagnostics;

namespace Aperture.Foreign.Tests;

/// <summary>
/// Finds packages in NuGet's folder. Where one is missing it is restored if the environment variable APERTURE_FOREIGN is <c>restore</c> (about 550 MB); a test
/// that needs it is skipped otherwise.
/// </summary>
internal static class ForeignPackages
{
    public const string Variable = "APERTURE_FOREIGN";

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(5);

    private static string Folder => Environment.GetEnvironmentVariable("NUGET_PACKAGES")
        ?? Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    /// <summary>A file of a package, whichever version of it there is; the test is skipped where there is none.</summary>
    /// <param name="package">The package to restore, with its version.</param>
    /// <param name="part">The package that holds the file: the same, or one that it needs.</param>
    /// <param name="relative">The file below a version's folder.</param>
    public static string File((string Name, string Version) package, string part, string relative)
    {
        string? found = Find(part, relative);
        string reason = "";
        if (found is null && Environment.GetEnvironmentVariable(Variable) == "restore")
        {
            reason = Restore(package);
            found = Find(part, relative);
        }

        Skip.If(
            found is null,
            $"{part} with {relative} is not in {Folder}{reason}; set {Variable}=restore to restore {package.Name} {package.Version} when the test runs");
        return found!;
    }

    private static string? Find(string package, string relative)
    {
        string folder = Path.Combine(Folder, package.ToLowerInvariant());
        return Directory.Exists(folder)
            ? Directory.GetDirectories(folder).OrderDescending().Select(version => Path.Combine(version, relative)).FirstOrDefault(System.IO.File.Exists)
            : null;
    }

    // Gives the reason where it fails.
    private static string Restore((string Name, string Version) package)
    {
        string folder = Directory.CreateTempSubdirectory("aperture-foreign-").FullName;
        try
        {
            string project = Path.Combine(folder, "restore.csproj");
            System.IO.File.WriteAllText(
                project,
                $"""
                <Project Sdk="Microsoft.NET.Sdk">
                  <PropertyGroup><TargetFramework>net10.0</TargetFramework></PropertyGroup>
                  <ItemGroup><PackageReference Include="{package.Name}" Version="{package.Version}" /></ItemGroup>
                </Project>
                """);
            ProcessStartInfo start = new("dotnet", ["restore", project, "-v", "q"]) { RedirectStandardOutput = true, RedirectStandardError = true };
            using Process process = Process.Start(start)!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            if (!process.WaitForExit(_patience))
            {
                process.Kill(entireProcessTree: true);
                return $" and was not restored in {_patience.TotalMinutes} minutes";
            }

            string? error = output.Result.Split('\n').FirstOrDefault(line => line.Contains("error", StringComparison.Ordinal));
            return process.ExitCode == 0 ? "" : $" and cannot be restored: {error ?? "dotnet restore failed"}";
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
