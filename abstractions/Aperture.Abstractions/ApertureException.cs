namespace Aperture;

/// <summary>
/// An error that a user can cause and mend: bad input, a damaged file, an option out of range, parts that cannot work together.
/// The message is one line: what happened, with which value, and what to do. Programming errors throw <see cref="ArgumentException"/> and the like instead.
/// </summary>
public class ApertureException : Exception
{
    /// <summary>Creates the error from its one-line message.</summary>
    /// <param name="message">What happened, with which value, how to mend it.</param>
    public ApertureException(string message)
        : base(message)
    {
    }

    /// <summary>Creates the error from its one-line message and the exception that led to it.</summary>
    /// <param name="message">What happened, with which value, how to mend it.</param>
    /// <param name="innerException">The cause.</param>
    public ApertureException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
