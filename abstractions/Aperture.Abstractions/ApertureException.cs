namespace Aperture;

/// <summary>
/// An error that a user can cause and mend: bad input, a damaged file, an option out of range, parts that cannot work together.
/// The message is one line: what happened, with which value, and what to do. Programming errors throw <see cref="ArgumentException"/> and the like instead.
/// </summary>
public class ApertureException : Exception
{
    private const char Unprintable = '\uFFFD';

    /// <summary>Creates the error from its one-line message.</summary>
    /// <param name="message">What happened, with which value, how to mend it. Line ends and control characters of a value are replaced.</param>
    public ApertureException(string message)
        : base(OneLine(message))
    {
    }

    /// <summary>Creates the error from its one-line message and the exception that led to it.</summary>
    /// <param name="message">What happened, with which value, how to mend it. Line ends and control characters of a value are replaced.</param>
    /// <param name="innerException">The cause.</param>
    public ApertureException(string message, Exception innerException)
        : base(OneLine(message), innerException)
    {
    }

    // Values come from files of others.
    private static string OneLine(string message)
        => message.Any(char.IsControl)
            ? string.Concat(message.ReplaceLineEndings(" ").Select(c => c == '\t' ? ' ' : char.IsControl(c) ? Unprintable : c))
            : message;
}
