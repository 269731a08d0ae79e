using Aperture.Models;
using Aperture.Plugins;
using Aperture.Requests;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Aperture.Pipelines;

/// <summary>How an engine is started. The defaults serve a program that has its plugins beside it.</summary>
public sealed record EngineOptions
{
    /// <summary>How models are opened unless a caller says otherwise.</summary>
    public ModelOptions Models { get; init; } = new();

    /// <summary>
    /// The plugins, owned by the session from then on; null for those that a <c>plugins.json</c> beside the program lists and those that lie in
    /// <c>plugins/</c> there.
    /// </summary>
    public PluginHost? Plugins { get; init; }

    /// <summary>
    /// What checkpoints of half precision are computed in on the CPU with a number of threads, where nobody names an element type; null goes by what the
    /// processor says of itself. <c>MachineSpeeds</c> measures it.
    /// </summary>
    public Func<int, TorchSharp.torch.ScalarType>? HalfType { get; init; }

    /// <summary>Whether pipelines start behind what an earlier question left unless they are told otherwise: <see cref="Pipeline.KeepPrefixes"/>.</summary>
    public bool KeepPrefixes { get; init; }

    /// <summary>Bytes that each model may hold of earlier questions, for pipelines that keep prefixes: 1 GiB.</summary>
    public long PrefixMemory { get; init; } = KeptPrefixes.DefaultBudget;

    /// <summary>Gets lines that a user should see though nothing failed, each once; null for nobody.</summary>
    public Action<string>? OnNotice { get; init; }

    /// <summary>Called when disposing the session had to leave something running: a process that then ends in an orderly way may crash.</summary>
    public Action? OnLeftRunning { get; init; }

    /// <summary>Where plugins that ask for an <c>ILogger</c> write, unless <see cref="Plugins"/> says so.</summary>
    public ILoggerFactory Loggers { get; init; } = NullLoggerFactory.Instance;
}
