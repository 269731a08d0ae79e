namespace Aperture.Scripting;

/// <summary>Why packages cannot be had, on one line.</summary>
/// <param name="code">NuGet's number of the error, or <c>NUGET</c> where the reason is this program's.</param>
/// <param name="message">What, with which value, and how to mend it.</param>
internal sealed class PackageException(string code, string message) : ApertureException(message)
{
    /// <summary>NuGet's number of the error, or <c>NUGET</c>.</summary>
    public string Code { get; } = code;
}
