namespace Aperture.Hub;

/// <summary>A download that failed for a reason the user can see or mend.</summary>
public sealed class HubException : ApertureException
{
    /// <summary>Creates the error.</summary>
    public HubException(HubFailure failure, string message, Exception? innerException = null)
        : base(message, innerException!)
    {
        Failure = failure;
    }

    /// <summary>The cause.</summary>
    public HubFailure Failure { get; }

    /// <summary>The commit that has no such file, where the hub named it.</summary>
    internal string? Commit { get; init; }
}
