using System.Reflection;
using Aperture.Measuring;

namespace Aperture.Abstractions.Tests;

/// <summary>
/// The public surface of the contracts stands in api/*.txt, so that a change of it is seen in review. To accept a change:
/// <c>APERTURE_WRITE_API=1 dotnet test tests/Abstractions -c Release --filter PublicApi</c>.
/// </summary>
public sealed class PublicApiTests
{
    [Theory]
    [InlineData("Aperture.Abstractions")]
    public void Public_surface_is_the_recorded_one(string assembly)
    {
        string baseline = Path.Combine(Folder(), $"{assembly}.txt");
        IReadOnlyList<string> actual = ApiListing.Of(Assembly.Load(assembly));
        if (Environment.GetEnvironmentVariable("APERTURE_WRITE_API") == "1")
        {
            File.WriteAllLines(baseline, actual);
        }

        string[] recorded = File.ReadAllLines(baseline);
        string[] changes = [.. recorded.Except(actual).Select(line => $"- {line}"), .. actual.Except(recorded).Select(line => $"+ {line}")];

        Assert.True(
            changes.Length == 0 && recorded.Length == actual.Count,
            $"The public surface of {assembly} changed. If it should, run APERTURE_WRITE_API=1 dotnet test tests/Abstractions -c Release --filter "
            + $"PublicApi\n{string.Join('\n', changes)}");
    }

    private static string Folder()
        => typeof(PublicApiTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(attribute => attribute.Key == "ApiFolder").Value!;
}
