namespace Aperture.Scripting;

/// <summary>How hard a script is being stopped.</summary>
public enum InterruptStage
{
    /// <summary>Nobody asked.</summary>
    None,

    /// <summary>
    /// The script's cancellation token has fired: what takes it, and the engine's long work, stops at its next check. A script that then awaits something
    /// else for half a second is left where it stands; one that sleeps or blocks its thread (<c>Thread.Sleep</c>, <c>.Result</c>) is woken at once.
    /// </summary>
    Requested,

    /// <summary>
    /// The script is left at its next await, or its managed code is aborted where it stands, waits included. Calls into native code end first.
    /// </summary>
    Forced,

    /// <summary>The process should be left.</summary>
    Leave,
}
