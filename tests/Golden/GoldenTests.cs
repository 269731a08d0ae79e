using static TorchSharp.torch;

namespace Aperture.Golden.Tests;

/// <summary>Every recorded case, one test each, named area/case.</summary>
[Trait("Category", "Golden")]
public sealed class GoldenTests
{
    private static readonly SortedDictionary<string, GoldenListing> _listings = GoldenFolders.List(GoldenFolders.InUse);

    public static TheoryData<string> Cases => [.. _listings.Keys];

    [SkippableTheory]
    [MemberData(nameof(Cases))]
    public void Golden(string name)
    {
        GoldenListing listing = _listings[name];
        Assert.True(listing.File is not null, listing.Fault);
        IGoldenRunner? runner = GoldenRunners.For(listing.File);
        Skip.If(runner is null, $"no runner for the kind {listing.File.Area}/{listing.File.Kind}");

        // What a runner leaves behind goes with the scope, not some day with the garbage collector in the middle of another case's count.
        using TorchSharp.DisposeScope scope = NewDisposeScope();
        using GoldenCase golden = GoldenCase.Open(listing.File);
        runner.Run(golden);
        golden.CheckSettled();
    }

    [Fact]
    public void Every_kind_of_the_repository_has_a_runner()
    {
        SortedDictionary<string, GoldenListing> own = GoldenFolders.List([GoldenFolders.Own]);

        IEnumerable<string> without = own.Where(pair => pair.Value.File is not { } file || !GoldenRunners.Exists(file))
            .Select(pair => pair.Value.Fault ?? pair.Key);

        Assert.NotEmpty(own);
        Assert.Empty(without);
    }
}
