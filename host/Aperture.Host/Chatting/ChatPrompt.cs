using Aperture.Files;
using Aperture.Host.Repl;

namespace Aperture.Host.Chatting;

/// <summary>Reads questions at a terminal with the line editor of the REPL.</summary>
internal sealed class ChatPrompt(RawTerminal raw, LineHistory history, Theme theme, CancellationToken leave)
{
    private const string Prompt = "> ";

    /// <summary>Beside the history of the REPL.</summary>
    public static string? HistoryPath => UserFolders.Below(UserFolders.State, "aperture", "chat-history");

    /// <summary>The next line; null when the user leaves: Ctrl+D, or Ctrl+C where nothing is typed.</summary>
    public string? Read()
    {
        while (true)
        {
            using IDisposable mode = raw.EnterRawMode();
            switch (new LineEditor(raw, null, history, theme).Read(Prompt, _ => true, static () => { }, leave))
            {
                case LineEntry.Entered { Text: var text }:
                    history.Add(text);
                    return text;
                case LineEntry.Abandoned { WasEmpty: false }:
                    break;
                default:
                    return null;
            }
        }
    }
}
