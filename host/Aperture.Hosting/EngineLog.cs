using Microsoft.Extensions.Logging;

namespace Aperture.Hosting;

/// <summary>What the engine writes into the program's log.</summary>
internal static partial class EngineLog
{
    [LoggerMessage(1, LogLevel.Information, "Pipeline {Key} is ready: {Model} with {Methods}, after {Milliseconds:0} ms.")]
    public static partial void Loaded(ILogger log, string key, string model, string methods, double milliseconds);

    [LoggerMessage(2, LogLevel.Warning, "{Notice}")]
    public static partial void Notice(ILogger log, string notice);

    [LoggerMessage(3, LogLevel.Warning, "{Count} questions were not answered in the time that the host gives for stopping; they are cancelled.")]
    public static partial void CutShort(ILogger log, int count);

    [LoggerMessage(4, LogLevel.Warning, "{What} is ignored: {Names}.")]
    public static partial void Ignored(ILogger log, string what, string names);
}
