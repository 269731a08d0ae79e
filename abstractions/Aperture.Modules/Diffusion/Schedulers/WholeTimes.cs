namespace Aperture.Diffusion;

/// <summary>Whole times at equal distances, the last first.</summary>
internal static class WholeTimes
{
    /// <summary>The times of a schedule.</summary>
    /// <exception cref="ApertureException">The number of steps is below 1, or the times leave the schedule.</exception>
    public static double[] Of(NoiseSchedule schedule, int steps)
    {
        if (steps < 1 || steps > schedule.Steps)
        {
            throw new ApertureException($"A schedule of {steps} steps is not possible; give 1 to {schedule.Steps}.");
        }

        int stride = schedule.Steps / steps, last = ((steps - 1) * stride) + schedule.Offset;
        return last < schedule.Steps
            ? [.. Enumerable.Range(0, steps).Select(step => (double)(last - (step * stride)))]
            : throw new ApertureException(
                $"A schedule of {steps} steps with offset {schedule.Offset} ends at time {last}, behind the model's {schedule.Steps}.");
    }
}
