namespace Aperture.Tables;

/// <summary>Bytes in a unit that reads well.</summary>
internal static class ByteSize
{
    /// <summary>Such as <c>680.0 KB</c>.</summary>
    public static string Text(long bytes) => bytes switch
    {
        < 1 << 20 => $"{bytes / 1024.0:0.0} KB",
        < 1 << 30 => $"{bytes / 1048576.0:0.0} MB",
        _ => $"{bytes / 1073741824.0:0.00} GB",
    };
}
