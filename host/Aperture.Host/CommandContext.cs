namespace Aperture.Host;

/// <summary>What every verb works with.</summary>
/// <param name="Terminal">Where results and messages go.</param>
/// <param name="Compute">Reads <c>--device</c> and <c>--threads</c>.</param>
/// <param name="Plugins">Reads <c>--plugin</c>.</param>
/// <param name="CtrlC">Takes over Ctrl+C; verbs that only need a token use the one their action gets.</param>
internal sealed record CommandContext(Terminal Terminal, ComputeOptions Compute, PluginSources Plugins, CtrlC CtrlC)
{
    /// <summary>Whether something still computes that nobody could stop, so that the process must end without ceremony.</summary>
    public bool IsLeftRunning { get; set; }
}
