using System.Text.RegularExpressions;

namespace Aperture.Abstractions.Tests;

/// <summary>The count of live tensors is the process's: a test that reads it beside others reads theirs too, and fails by chance.</summary>
public sealed class LiveTensorTests
{
    [Fact]
    public void Tests_that_count_live_tensors_run_alone()
    {
        string[] counting = [.. Directory.GetDirectories(Repository.Path("tests"))
            .Where(project => !OneAtATime(project))
            .SelectMany(project => Directory.GetFiles(project, "*Tests.cs", SearchOption.AllDirectories))
            .Where(file => Regex.IsMatch(File.ReadAllText(file), @"LiveTensors\.(Settled|MustNotGrow)"))];

        Assert.Contains(counting, file => Path.GetFileName(file) == "TinyAutoencoderTests.cs");
        Assert.All(counting, file => Assert.Contains("\n[Collection(", File.ReadAllText(file)));
    }

    // Whether the project's tests never run beside each other.
    private static bool OneAtATime(string project)
        => Path.Combine(project, "AssemblyInfo.cs") is var info && File.Exists(info) && File.ReadAllText(info).Contains("DisableTestParallelization = true");
}
