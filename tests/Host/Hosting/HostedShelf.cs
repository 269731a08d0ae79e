using System.Text;
using Aperture.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Aperture.Host.Tests.Hosting;

/// <summary>A program that serves the shipped model, as its configuration says.</summary>
internal sealed class HostedShelf : IAsyncDisposable, ILoggerProvider
{
    /// <summary>One pipeline with a method, in one thread.</summary>
    public const string Configuration = """
        { "Aperture": {
            "Models": { "threads": 1, "type": "float32" },
            "Pipelines": {
              "shelf": { "model": "tiny-llava", "methods": [ { "name": "fitprune", "options": { "Reduction": 0.6 } } ] },
              "plain": { "model": "tiny-llava", "methods": [] } } } }
        """;

    private readonly IHost _host;

    public HostedShelf(string configuration = Configuration, Action<ApertureOptions>? configure = null)
    {
        HostApplicationBuilder builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings());
        builder.Configuration.AddJsonStream(new MemoryStream(Encoding.UTF8.GetBytes(configuration)));
        builder.Logging.AddProvider(this);
        builder.Services.AddAperture(configure);
        _host = builder.Build();
    }

    public IServiceProvider Services => _host.Services;

    public List<string> Log { get; } = [];

    /// <summary>Called with each line before it is in the log; null for nobody.</summary>
    public Action<string>? OnLine { get; set; }

    public Task StartAsync() => _host.StartAsync();

    public Task StopAsync() => _host.StopAsync();

    public async ValueTask DisposeAsync() => await ((IAsyncDisposable)_host).DisposeAsync();

    public ILogger CreateLogger(string categoryName) => new Lines(this);

    public void Dispose()
    {
    }

    private sealed class Lines(HostedShelf shelf) : ILogger
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull
            => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Information;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            string line = $"{logLevel}: {formatter(state, exception)}";
            shelf.OnLine?.Invoke(line);
            lock (shelf.Log)
            {
                shelf.Log.Add(line);
            }
        }
    }
}
