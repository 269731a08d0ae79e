namespace Aperture.Jupyter;

/// <summary>Settings of a <see cref="JupyterKernel"/>.</summary>
public sealed record KernelOptions
{
    /// <summary>How long an interrupted cell may take to stop by itself before its managed code is aborted.</summary>
    public TimeSpan InterruptPatience { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>Told why a message was dropped, and of failures of the kernel itself. Called from several threads.</summary>
    public Action<string> Log { get; init; } = static _ => { };
}
