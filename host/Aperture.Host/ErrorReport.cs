using Aperture.Natives;
using Aperture.Pipelines;

namespace Aperture.Host;

/// <summary>The one place where exceptions become a line on standard error and an exit code.</summary>
internal static class ErrorReport
{
    /// <summary>Exit code for every failure.</summary>
    public const int Failed = 1;

    /// <summary>Exit code after Ctrl+C.</summary>
    public const int Interrupted = 130;

    /// <summary>Whether the user wants stack traces.</summary>
    public static bool WantsTrace => Environment.GetEnvironmentVariable("APERTURE_DEBUG") == "1";

    /// <summary>Writes the line and returns the exit code.</summary>
    public static int Write(Terminal terminal, Exception exception)
    {
        if (exception is OperationCanceledException)
        {
            terminal.Error.WriteLine("Cancelled.");
            return Interrupted;
        }

        Exception shown = exception is AggregateException { InnerExceptions: [{ } only] } ? only : exception;
        ApertureException? known = shown as ApertureException ?? TorchNatives.Explain(shown);
        if (known is not null)
        {
            terminal.Fail(known.Message);
        }
        else
        {
            Exception inner = shown is TypeInitializationException { InnerException: { } cause } ? cause : shown;
            string what = inner is IOException or UnauthorizedAccessException ? $"the system refuses: {inner.Message}" : TorchText.Of(inner);
            terminal.Fail($"{what}{(WantsTrace ? "" : " (set APERTURE_DEBUG=1 to see where)")}");
        }

        if (WantsTrace)
        {
            terminal.Error.WriteLine(exception);
        }

        return Failed;
    }
}
