using System.Runtime.InteropServices;

namespace Aperture.Natives;

/// <summary>What an exception says, in one line that a user can read: libtorch's own text ends where its C++ trace begins.</summary>
public static class TorchText
{
    private static readonly string[] _traces = ["Exception raised from", "\nframe #", "C++ CapturedTraceback"];

    /// <summary>An exception's type and message, or the message alone where it is written for users or is libtorch's.</summary>
    /// <param name="exception">The exception.</param>
    public static string Of(Exception exception)
    {
        string message = OneLine(exception.Message);
        return exception switch
        {
            ApertureException => message,
            _ when exception.GetType() == typeof(ExternalException) => $"libtorch: {message}",
            _ => $"{exception.GetType().Name}: {message}",
        };
    }

    /// <summary>A message without libtorch's trace, on one line.</summary>
    /// <param name="message">The message.</param>
    public static string OneLine(string message)
    {
        int end = message.Length;
        foreach (string trace in _traces)
        {
            int at = message.IndexOf(trace, StringComparison.Ordinal);
            end = at < 0 ? end : Math.Min(end, at);
        }

        string[] lines = message[..end].Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
        return string.Join(' ', lines);
    }
}
