using Aperture.Files;
using Aperture.Measuring;

namespace Aperture.Host;

/// <summary>The machine's speeds in the user's cache.</summary>
internal static class SpeedsFile
{
    public static MachineSpeeds Open(CommandContext context)
    {
        string? folder = UserFolders.Below(UserFolders.Cache, "aperture", "machine");
        return new MachineSpeeds(folder is null ? null : Path.Combine(folder, "speeds.json"), threads => ProductTimer.Measure(threads))
        {
            OnNotice = context.Terminal.Warn,
        };
    }
}
