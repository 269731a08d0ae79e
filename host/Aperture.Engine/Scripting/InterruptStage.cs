namespace Aperture.Scripting;

/// <summary>How hard a script is being stopped.</summary>
public enum InterruptStage
{
    /// <summary>Nobody asked.</summary>
    None,

    /// <summary>The script's cancellation token has fired; what takes the token stops at its next check.</summary>
    Requested,

    /// <summary>Managed code of the script is aborted where it stands. Calls into native code, sleeps and locks end first.</summary>
    Forced,

    /// <summary>The process should be left.</summary>
    Leave,
}
