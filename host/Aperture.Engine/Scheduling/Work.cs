namespace Aperture.Scheduling;

/// <summary>A piece of work that takes long: it stops when its caller's token fires or when the entry or script that it belongs to is stopped.</summary>
internal sealed class Work : IDisposable
{
    private readonly WorkScope? _scope;
    private readonly CancellationTokenSource? _linked;

    private Work(WorkScope? scope, CancellationToken given)
    {
        _scope = scope;
        CancellationToken own = scope?.Stop ?? default;
        _linked = given.CanBeCanceled && own.CanBeCanceled && given != own ? CancellationTokenSource.CreateLinkedTokenSource(given, own) : null;
        Token = _linked?.Token ?? (given.CanBeCanceled ? given : own);
        scope?.Count(1);
    }

    /// <summary>Fires when the work is to stop.</summary>
    public CancellationToken Token { get; }

    /// <summary>Begins work on behalf of the calling code.</summary>
    /// <param name="given">The caller's token.</param>
    public static Work Begin(CancellationToken given) => new(WorkScope.Current, given);

    /// <summary>The work has ended.</summary>
    public void Dispose()
    {
        _scope?.Count(-1);
        _linked?.Dispose();
    }
}
