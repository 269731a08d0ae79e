using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>Read, run, show, again: the REPL at a terminal.</summary>
internal sealed class ReplLoop(CommandContext context, RawTerminal raw, LineHistory history, Func<ScriptEnvironment> create) : IAsyncDisposable
{
    private const string Prompt = "> ";
    private readonly Theme _theme = Theme.OfEnvironment();
    private readonly ReplInterrupt _interrupt = new(context.Terminal, history);
    private ReplSession _session = ReplSession.Start(create());
    private bool _isLeaving;

    public Terminal Terminal => context.Terminal;

    public ReplSession Session => _session;

    public LineHistory History => history;

    public ReplInterrupt Interrupt => _interrupt;

    /// <summary>Runs until the user leaves.</summary>
    /// <param name="script">A script to load first; null for none.</param>
    /// <param name="cancellationToken">Ends the session.</param>
    public async Task RunAsync(string? script, CancellationToken cancellationToken)
    {
        using IDisposable taken = context.CtrlC.Handle(_interrupt.Press);
        ReplDirectives commands = new ReplDirectives(this);
        Terminal.Output.WriteLine("Aperture. C# at the prompt; #help lists commands and keys, Ctrl+D leaves.");
        if (script is not null)
        {
            await RunEntryAsync($"#load \"{Path.GetFullPath(script)}\"", inDetail: false, cancellationToken).ConfigureAwait(false);
        }

        Action shown = WarmUp;
        while (!_isLeaving)
        {
            LineEntry entry = Read(commands, shown, cancellationToken);
            shown = static () => { };
            if (entry is LineEntry.End)
            {
                break;
            }

            if (entry is LineEntry.Entered { Text: var text, InDetail: var inDetail } && !string.IsNullOrWhiteSpace(text))
            {
                history.Add(text);
                if (!await commands.TryRunAsync(text, cancellationToken).ConfigureAwait(false))
                {
                    await RunEntryAsync(text, inDetail, cancellationToken).ConfigureAwait(false);
                }
            }
        }
    }

    /// <summary>Forgets variables, models and plugins and starts over.</summary>
    public async Task ResetAsync()
    {
        await _session.DisposeAsync().ConfigureAwait(false);
        _session = ReplSession.Start(create());
        WarmUp();
    }

    /// <summary>Ends the loop after this entry.</summary>
    public void Leave() => _isLeaving = true;

    public void ClearScreen() => raw.Write("\x1b[H\x1b[2J");

    public ValueTask DisposeAsync() => _session.DisposeAsync();

    // A failure here is that of the first entry too, and told there.
    private void WarmUp() => _ = _session.WarmUpAsync();

    private LineEntry Read(ReplDirectives commands, Action shown, CancellationToken cancellationToken)
    {
        using IDisposable mode = raw.EnterRawMode();
        return new LineEditor(raw, _session.Intelligence, history, _theme).Read(Prompt, commands.Matches, shown, cancellationToken);
    }

    private async Task RunEntryAsync(string code, bool inDetail, CancellationToken cancellationToken)
    {
        ScriptResult result = await _interrupt.WatchAsync(interrupt => _session.RunAsync(code, interrupt), cancellationToken).ConfigureAwait(false);
        IScriptDisplay display = _session.Environment.Display;
        switch (result)
        {
            case ScriptResult.Value { IsExpression: true, Result: var value }:
                display.Show(inDetail ? display.Formatter.FormatInDetail(value) : value);
                break;
            case ScriptResult.Value:
                break;
            default:
                ScriptReport.Write(Terminal, display, result);
                break;
        }
    }
}
