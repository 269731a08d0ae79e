using Aperture.Scripting;
using TorchSharp;

namespace Aperture.Host;

/// <summary>What scripts, the REPL and notebooks use without a prefix.</summary>
/// <param name="display">Where the script's output goes.</param>
/// <param name="openDevice">Opens the device of <c>--device</c>.</param>
public sealed class HostGlobals(IScriptDisplay display, Func<torch.Device> openDevice) : ScriptGlobals(display)
{
    private readonly Lazy<torch.Device> _device = new(openDevice);

    /// <summary>The device of <c>--device</c>; the GPU where there is one, else the CPU, when the option is absent.</summary>
    public torch.Device Device => _device.Value;
}
