namespace Aperture.Data;

/// <summary>Collects what is wrong with the lines of a file, so that all of them are told at once, in one line.</summary>
internal sealed class LineProblems
{
    private const int MostNamed = 10;
    private readonly List<(int Line, string Message)> _found = [];

    /// <summary>Runs a check of a line and keeps what it finds.</summary>
    /// <param name="line">The line's number; 0 for what stands in no file.</param>
    /// <param name="check">Throws an <see cref="ApertureException"/> where something is wrong.</param>
    public void Check(int line, Action check)
    {
        try
        {
            check();
        }
        catch (ApertureException wrong)
        {
            Add(line, wrong.Message);
        }
    }

    /// <summary>Keeps a problem.</summary>
    /// <param name="line">The line's number; 0 for what stands in no file.</param>
    /// <param name="message">What is wrong, with file and line.</param>
    public void Add(int line, string message) => _found.Add((line, message));

    /// <summary>Ends here if something is wrong: the first problem in words, the others by their lines.</summary>
    /// <exception cref="ApertureException">Something is wrong.</exception>
    public void ThrowIfAny()
    {
        if (Message is { } message)
        {
            throw new ApertureException(message);
        }
    }

    /// <summary>The first problem in words, the others by their lines; null where there is none.</summary>
    public string? Message => _found.Count == 0 ? null : Describe();

    private string Describe()
    {
        (int line, string message) = _found.MinBy(problem => problem.Line);
        int[] others = [.. _found.Select(problem => problem.Line).Where(other => other > 0 && other != line).Distinct().Order()];
        string named = string.Join(", ", others.Take(MostNamed)) + (others.Length > MostNamed ? ", …" : "");
        return others.Length == 0 ? message
            : $"{message.TrimEnd('.')} ({others.Length} more {(others.Length == 1 ? "line is" : "lines are")} wrong: {named}).";
    }
}
