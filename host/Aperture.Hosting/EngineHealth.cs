using Aperture.Pipelines;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Aperture.Hosting;

/// <summary>Healthy while every pipeline is there to answer; degraded while one is yet to be opened; unhealthy where a model was disposed.</summary>
internal sealed class EngineHealth(AperturePipelines pipelines) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        (string Key, Pipeline? Made)[] all = [.. pipelines.Keys.Select(key => (key, pipelines.Made(key)))];
        Dictionary<string, object> data = new() { ["pipelines"] = all.Length, ["pending"] = pipelines.Engine.Pending };
        string[] gone = [.. all.Where(pipeline => pipeline.Made?.Model.IsDisposed == true).Select(pipeline => pipeline.Key)];
        string[] waiting = [.. all.Where(pipeline => pipeline.Made is null).Select(pipeline => pipeline.Key)];
        HealthCheckResult result = gone.Length > 0 ? HealthCheckResult.Unhealthy($"The models of {string.Join(", ", gone)} were disposed.", data: data)
            : waiting.Length > 0 ? HealthCheckResult.Degraded($"Not opened yet: {string.Join(", ", waiting)}.", data: data)
            : HealthCheckResult.Healthy(data: data);
        return Task.FromResult(result);
    }
}
