namespace Aperture.Engine.Tests;

/// <summary>What keeps these tests quick.</summary>
public sealed class ArchitectureTests
{
    /// <summary>Tests that start processes have their place, and a trait, in the host's tests.</summary>
    [Fact]
    public void No_test_starts_a_process()
        => Assert.DoesNotContain("System.Diagnostics.Process", typeof(ArchitectureTests).Assembly.GetReferencedAssemblies().Select(name => name.Name));
}
