namespace Aperture.Tasks;

/// <summary>Who listens to a call of a task. What nobody listens to costs nothing.</summary>
public sealed record TaskCall
{
    /// <summary>A call that nobody listens to.</summary>
    public static TaskCall Plain { get; } = new();

    /// <summary>Told how far the call is, at once and on the call's own thread; null for nobody.</summary>
    public Action<TaskProgress>? Progress { get; init; }

    /// <summary>Whether progress is to come with previews, where making one costs something.</summary>
    public bool WantsPreviews { get; init; }

    /// <summary>Which named values to keep in <see cref="TaskResult{T}.Trace"/>, by their names; null for none. <c>_ => true</c> keeps all.</summary>
    public Func<string, bool>? Trace { get; init; }

    /// <summary>Who is told as the model takes it; null for nobody.</summary>
    internal IProgress<TaskProgress>? Listener => Progress is { } progress ? new Teller(progress) : null;

    private sealed class Teller(Action<TaskProgress> progress) : IProgress<TaskProgress>
    {
        public void Report(TaskProgress value) => progress(value);
    }
}
