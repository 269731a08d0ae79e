namespace Aperture.Scripting;

/// <summary>
/// A place on the display whose content can be replaced: a progress line, a token map while a model answers. Disposing leaves the last content standing.
/// </summary>
public interface ILiveDisplay : IDisposable
{
    /// <summary>Replaces what stands there.</summary>
    /// <param name="value">The new value.</param>
    void Update(object? value);
}
