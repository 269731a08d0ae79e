namespace Aperture.Measuring;

/// <summary>A stage that is open; nothing where nobody measures.</summary>
/// <param name="clock">The clock; null for nobody.</param>
internal readonly ref struct StageScope(StageClock? clock)
{
    /// <summary>Closes the stage.</summary>
    public void Dispose() => clock?.Leave();
}
