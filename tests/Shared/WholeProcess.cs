namespace Aperture.Tests;

/// <summary>Tests that count the live tensors of the process, or collect its garbage, run alone.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class WholeProcess
{
    public const string Name = "Whole process";
}
