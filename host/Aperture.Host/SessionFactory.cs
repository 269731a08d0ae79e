using System.CommandLine;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host;

/// <summary>Opens the engine session that a verb or a script works with.</summary>
internal static class SessionFactory
{
    /// <summary>A session whose models open as the command line says.</summary>
    /// <param name="context">What every verb works with.</param>
    /// <param name="parsed">The command line.</param>
    /// <param name="model">How models are opened beyond device and threads; null for the defaults.</param>
    /// <param name="plugins">The plugin host, owned by the session from here on; null for a new one.</param>
    public static EngineSession Open(CommandContext context, ParseResult parsed, ModelOptions? model = null, PluginHost? plugins = null)
    {
        string device = context.Compute.Open(parsed).ToString();
        MachineSpeeds speeds = SpeedsFile.Open(context);
        return EngineSession.Start(new EngineOptions
        {
            Plugins = plugins ?? new PluginHost(context.Plugins.Read(parsed)),
            Models = (model ?? new ModelOptions()) with { Device = device, Threads = context.Compute.Threads(parsed) ?? 0 },
            HalfType = threads => speeds.Of(threads).HalfType,
            OnNotice = context.Terminal.Warn,
            OnLeftRunning = () => context.IsLeftRunning = true,
        });
    }
}
