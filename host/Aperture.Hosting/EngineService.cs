using System.Diagnostics;
using Aperture.Pipelines;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Aperture.Hosting;

/// <summary>Opens the pipelines when the program starts, and lets questions finish when it stops.</summary>
internal sealed class EngineService(AperturePipelines pipelines, IOptions<ApertureOptions> options, ILogger<EngineSession> log) : IHostedService
{
    public async Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (string key in options.Value.LoadOnStart ? pipelines.Keys : [])
        {
            long started = Stopwatch.GetTimestamp();
            Pipeline pipeline = await Task.Run(() => pipelines.Get(key).Build(), cancellationToken).ConfigureAwait(false);
            EngineLog.Loaded(log, key, pipeline.Model.Name, pipeline.Label, Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }
    }

    /// <summary>The host's patience ends the waiting; what runs then is cancelled with the engine.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await pipelines.Engine.WhenIdleAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            EngineLog.CutShort(log, pipelines.Engine.Pending);
        }
    }
}
