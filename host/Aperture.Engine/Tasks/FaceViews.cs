namespace Aperture.Tasks;

/// <summary>Rows of view points around a face.</summary>
public static class FaceViews
{
    private const double CircleYaw = 0.4, CirclePitch = 0.2;
    private const int GridColumns = 6, GridRows = 3;

    /// <summary>From one side to the other, level with the face.</summary>
    /// <param name="count">View points, at least one; one alone is straight ahead.</param>
    /// <param name="widest">Yaw of the last one, in radians; the first one's is its negative.</param>
    /// <exception cref="ApertureException">There are none.</exception>
    public static ViewPoint[] Turn(int count, double widest = 0.6)
    {
        Check(count);
        return count == 1 ? [ViewPoint.Front] : [.. Enumerable.Range(0, count).Select(view => new ViewPoint((-1 + (2.0 * view / (count - 1))) * widest, 0))];
    }

    /// <summary>Around the line straight ahead and back to the beginning, which comes twice.</summary>
    /// <param name="count">View points, at least one.</param>
    /// <exception cref="ApertureException">There are none.</exception>
    public static ViewPoint[] Circle(int count)
    {
        Check(count);
        return
        [
            .. Enumerable.Range(0, count).Select(view => 2 * Math.PI * view / Math.Max(1, count - 1))
                .Select(angle => new ViewPoint(CircleYaw * Math.Sin(angle), -CirclePitch * Math.Cos(angle))),
        ];
    }

    /// <summary>Six columns from one side to the other in three rows, the first from above.</summary>
    public static ViewPoint[] Grid() =>
    [
        .. from row in Enumerable.Range(0, GridRows)
           from column in Enumerable.Range(0, GridColumns)
           select new ViewPoint((-1 + (2.0 * column / (GridColumns - 1))) * CircleYaw, (1 - row) * CirclePitch),
    ];

    private static void Check(int count)
    {
        if (count < 1)
        {
            throw new ApertureException($"{count} view points show no face; ask for at least one.");
        }
    }
}
