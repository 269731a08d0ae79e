namespace Aperture.Scripting;

/// <summary>A compiled submission, as it is loaded and as the cache keeps it.</summary>
/// <param name="AssemblyName">Simple name of the emitted assembly.</param>
/// <param name="FactoryType">Metadata name of the type that holds the factory.</param>
/// <param name="FactoryMethod">The static method that takes the submission array and returns a <c>Task&lt;object&gt;</c>.</param>
/// <param name="IsExpression">Whether it ends in an expression without a semicolon.</param>
/// <param name="Libraries">The full paths of the DLLs named by <c>#r</c>.</param>
/// <param name="Packages">The packages that it and those before it asked for.</param>
/// <param name="PackageVersions">What was found for them, each as <c>Id Version</c>.</param>
/// <param name="Usings">The variables that are to be disposed.</param>
/// <param name="Image">The assembly; empty when the submission has nothing to run.</param>
/// <param name="Symbols">The portable PDB.</param>
internal sealed record Submission(
    string AssemblyName,
    string FactoryType,
    string FactoryMethod,
    bool IsExpression,
    IReadOnlyList<string> Libraries,
    IReadOnlyList<PackageRequest> Packages,
    IReadOnlyList<string> PackageVersions,
    IReadOnlyList<string> Usings,
    byte[] Image,
    byte[] Symbols);
