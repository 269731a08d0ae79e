namespace Aperture.Golden.Tests;

/// <summary>What was found under a name: a case, or the reason why it is none.</summary>
internal sealed record GoldenListing(GoldenFile? File, string? Fault);
