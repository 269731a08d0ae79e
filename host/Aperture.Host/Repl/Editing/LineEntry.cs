namespace Aperture.Host.Repl;

/// <summary>How reading at the prompt ended.</summary>
internal abstract record LineEntry
{
    private LineEntry()
    {
    }

    /// <summary>The user entered a text.</summary>
    /// <param name="Text">The text.</param>
    /// <param name="InDetail">Ctrl+Enter: its value is to be shown with all its properties.</param>
    public sealed record Entered(string Text, bool InDetail = false) : LineEntry;

    /// <summary>Ctrl+C: the text was thrown away.</summary>
    /// <param name="WasEmpty">Whether there was none.</param>
    public sealed record Abandoned(bool WasEmpty) : LineEntry;

    /// <summary>Ctrl+D at an empty prompt, or the terminal is gone.</summary>
    public sealed record End : LineEntry;
}
