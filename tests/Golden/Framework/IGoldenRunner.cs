namespace Aperture.Golden.Tests;

/// <summary>Runs every case of one kind. Implementations are found by reflection and need a constructor without parameters.</summary>
public interface IGoldenRunner
{
    string Area { get; }

    string Kind { get; }

    /// <summary>
    /// Computes from the case's configuration and inputs, and compares or names every <c>mid.*</c> and <c>out.*</c> tensor. Called once for each case, on a
    /// fresh instance.
    /// </summary>
    void Run(GoldenCase golden);
}
