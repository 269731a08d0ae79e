namespace Aperture.Plugins.InstDiffEdit.Stages;

/// <summary>Watches the masks of the steps until they stay.</summary>
/// <param name="iou">IoU with the mask before from which on a mask counts as the same.</param>
/// <param name="steps">Steps in a row that it has to stay.</param>
internal sealed class SettledMask(double iou, int steps)
{
    private byte[]? _last;
    private int _same;

    /// <summary>Whether the mask has settled with this step's.</summary>
    public bool Add(byte[] mask)
    {
        _same = _last is not null && IoU(_last, mask) >= iou ? _same + 1 : 0;
        _last = mask;
        return _same >= steps;
    }

    /// <summary>Places in both masks divided by those in one of them; 1 where neither has any.</summary>
    public static double IoU(byte[] a, byte[] b)
    {
        int both = 0, any = 0;
        for (int i = 0; i < a.Length; i++)
        {
            both += a[i] > 0 && b[i] > 0 ? 1 : 0;
            any += a[i] > 0 || b[i] > 0 ? 1 : 0;
        }

        return any == 0 ? 1 : (double)both / any;
    }
}
