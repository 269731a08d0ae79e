using System.Text;
using Aperture.Host.Commands;
using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>
/// The REPL without a terminal: code from <c>--eval</c> or a pipe. Values go to standard output, errors to standard error; nothing else is written. An error
/// does not end the session, but the exit code tells of it.
/// </summary>
internal sealed class PipedRepl(Terminal terminal, ReplSession session)
{
    private int _code;

    /// <summary>Runs texts one after the other and returns the exit code: that of the last one that failed or returned a number, else 0.</summary>
    public async Task<int> RunAsync(IEnumerable<string> texts, CtrlC ctrlC, CancellationToken cancellationToken)
    {
        foreach (string text in texts)
        {
            using ScriptInterrupt interrupt = new ScriptInterrupt(cancellationToken);
            using IDisposable taken = ctrlC.Handle(() => RunCommand.Interrupted(terminal, interrupt));
            int code = ScriptReport.Write(terminal, session.Environment.Display, await session.RunAsync(text, interrupt).ConfigureAwait(false));
            _code = code == 0 ? _code : code;
            if (code == ErrorReport.Interrupted)
            {
                break;
            }
        }

        return session.Environment.Background.Code(_code);
    }

    /// <summary>Splits a stream into entries as they become complete, for programs that talk to the REPL line by line.</summary>
    public static IEnumerable<string> Split(TextReader reader)
    {
        StringBuilder entry = new StringBuilder();
        while (reader.ReadLine() is { } line)
        {
            entry.Append(entry.Length == 0 ? "" : "\n").Append(line);
            if (!string.IsNullOrWhiteSpace(entry.ToString()) && SessionIntelligence.Examine(entry.ToString()) != CodeState.Incomplete)
            {
                yield return entry.ToString();
                entry.Clear();
            }
        }

        if (!string.IsNullOrWhiteSpace(entry.ToString()))
        {
            yield return entry.ToString();
        }
    }
}
