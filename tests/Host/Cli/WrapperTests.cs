using System.Diagnostics;
using System.Runtime.Versioning;

namespace Aperture.Host.Tests.Cli;

/// <summary>
/// <c>./aperture</c> of a checkout: when it builds, and what it hands on. The build is that of a <c>dotnet</c> which notes that it was called; .ci/run calls
/// the real one.
/// </summary>
[Trait("Category", "Process")]
[SupportedOSPlatform("linux")]
public sealed class WrapperTests : IDisposable
{
    private const string Building = "building aperture; the calls after this one start at once\n";

    private const string Dotnet = """
        #!/bin/sh
        if [ "$1" = build ]; then
            echo "$TorchBackend" >>"$BUILDS"
            if [ -f "$BUILDS.broken" ]; then
                echo "Plain.cs(1,2): error CS1002: ; expected"
                exit 1
            fi
            mkdir -p artifacts/bin/Aperture.Host/release_linux-x64
            touch artifacts/bin/Aperture.Host/release_linux-x64/aperture.dll
        else
            shift
            echo "$PWD|$#|$*|$(cat)"
            exit 7
        fi
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-wrapper-").FullName;
    private readonly string _checkout;
    private readonly string _source;

    public WrapperTests()
    {
        _checkout = Path.Combine(_folder, "a checkout");
        foreach (string folder in new[] { "abstractions", "host/Sub", "plugins", "build", "scripts/data", "scripts/models", "scripts/templates" })
        {
            Directory.CreateDirectory(Path.Combine(_checkout, folder));
        }

        _source = Path.Combine(_checkout, "host", "Sub", "Plain.cs");
        foreach (string file in new[] { _source, At("plugins.json"), At("scripts/shelf.png"), At("scripts/examples.txt") })
        {
            File.WriteAllText(file, "");
        }

        File.WriteAllText(Path.Combine(_checkout, "Directory.Build.props"), "");
        File.Copy(Repository.Path("aperture"), Path.Combine(_checkout, "aperture"));
        string dotnet = Path.Combine(Directory.CreateDirectory(Path.Combine(_folder, "bin")).FullName, "dotnet");
        File.WriteAllText(dotnet, Dotnet);
        File.SetUnixFileMode(dotnet, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }

    private string[] Builds => File.Exists(Path.Combine(_folder, "builds")) ? File.ReadAllLines(Path.Combine(_folder, "builds")) : [];

    private string At(string name) => Path.Combine(_checkout, name);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void It_builds_once_and_hands_on_words_input_folder_and_exit_code()
    {
        string told = $"{_folder}|3|ask a b \"c\"|typed\n";
        Assert.Equal((7, told, Building), Call(null, "ask", "a b", "\"c\""));
        Assert.Equal((7, told, ""), Call(null, "ask", "a b", "\"c\""));
        Assert.Equal(["cpu"], Builds);
    }

    [Fact]
    public void It_builds_again_after_a_change_and_not_after_one_that_is_not_built()
    {
        Call();
        File.WriteAllText(Path.Combine(_checkout, "README.md"), "");
        File.SetLastWriteTimeUtc(Path.Combine(_checkout, "README.md"), DateTime.UtcNow.AddMinutes(1));
        Call();
        Assert.Single(Builds);

        DateTime later = DateTime.UtcNow.AddSeconds(-5);
        File.SetLastWriteTimeUtc(Path.Combine(_checkout, "artifacts", "aperture.built"), later.AddSeconds(-5));
        File.SetLastWriteTimeUtc(_source, later);
        Assert.Equal(Building, Call().Error);
        Assert.Equal("", Call().Error);

        File.SetLastWriteTimeUtc(Path.Combine(_checkout, "artifacts", "aperture.built"), later.AddSeconds(-5));
        File.SetLastWriteTimeUtc(_source, later.AddDays(-1));
        File.Delete(_source);
        Assert.Equal(Building, Call().Error);
        Assert.Equal(3, Builds.Length);
    }

    [Fact]
    public void A_build_that_fails_shows_its_errors_and_runs_nothing()
    {
        File.WriteAllText(Path.Combine(_folder, "builds.broken"), "");
        Assert.Equal((1, "", $"{Building}Plain.cs(1,2): error CS1002: ; expected\nerror: aperture could not be built.\n"), Call());
        File.Delete(Path.Combine(_folder, "builds.broken"));
        Assert.Equal(7, Call().Code);
        Assert.Equal(2, Builds.Length);
    }

    [Fact]
    public void The_backend_that_was_chosen_stays()
    {
        Call();
        Assert.Equal(Building, Call("cuda").Error);
        Assert.Equal("", Call().Error);
        Assert.Equal("", Call("cuda").Error);
        File.SetLastWriteTimeUtc(_source, DateTime.UtcNow.AddMinutes(1));
        Call();
        Assert.Equal(["cpu", "cuda", "cuda"], Builds);
    }

    [Fact]
    public void Of_calls_at_the_same_time_one_builds()
    {
        (int Code, string Output, string Error)[] calls = [.. Enumerable.Range(0, 4).AsParallel().WithDegreeOfParallelism(4).Select(_ => Call())];
        Assert.All(calls, call => Assert.Equal(7, call.Code));
        Assert.Single(Builds);
    }

    [Fact]
    public void Through_a_link_it_finds_its_checkout()
    {
        string link = Path.Combine(_folder, "linked");
        File.CreateSymbolicLink(link, Path.Combine(_checkout, "aperture"));
        Assert.Equal(7, Run(link, null).Code);
        Assert.Single(Builds);
    }

    private (int Code, string Output, string Error) Call(string? backend = null, params string[] words)
        => Run(Path.Combine(_checkout, "aperture"), backend, words);

    private (int Code, string Output, string Error) Run(string program, string? backend, params string[] words)
    {
        ProcessStartInfo start = new(program, words)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        start.Environment["PATH"] = $"{_folder}/bin:/usr/bin:/bin";
        start.Environment["BUILDS"] = Path.Combine(_folder, "builds");
        start.Environment.Remove("TorchBackend");
        if (backend is not null)
        {
            start.Environment["TorchBackend"] = backend;
        }

        using Process process = Process.Start(start)!;
        process.StandardInput.Write("typed");
        process.StandardInput.Close();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
