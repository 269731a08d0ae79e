namespace Aperture.Weights;

/// <summary>A numpy element type while a pickle is read: the code comes first, the byte order later.</summary>
internal sealed class NumpyType(string code)
{
    public string Code { get; } = code;

    public bool IsBigEndian { get; set; }
}
