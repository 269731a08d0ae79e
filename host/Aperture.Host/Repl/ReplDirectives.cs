using System.Globalization;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>The lines that are for the REPL and not for the compiler.</summary>
internal sealed class ReplDirectives
{
    private const string Keys = """
        Keys
          Enter            runs the entry, or starts a new line while it is unfinished (two empty lines run it all the same)
          Ctrl+Enter       runs it and shows its value with all properties;  Alt+Enter, Ctrl+O  start a new line
          Tab, Ctrl+Space  complete;  Down steps into the open list, Esc closes it;  F1  says what the name at the cursor is
          Alt+Up, Alt+Down turn through the overloads of a call
          Up, Down         earlier entries that start as this one does;  Ctrl+R  searches them
          Ctrl+C           throws the entry away; stops what runs (again: aborts it; a third time: leaves)
          Ctrl+D           leaves;  Ctrl+L  clears the screen;  Ctrl+Z, Alt+Z  undo and redo
          Ctrl+A/E/B/F/K/U/W/Y, Alt+B/F/D as in a shell
        """;

    private readonly ReplLoop _repl;
    private readonly IReadOnlyList<ReplDirective> _commands;

    public ReplDirectives(ReplLoop repl)
    {
        _repl = repl;
        _commands =
        [
            new("#help", "", "this list", (_, _) => Write(Help())),
            new("#vars", "", "the variables of the session", (_, _) => ShowVariables()),
            new("#plugins", "", "the plugins and how they stand", (_, _) => ShowPlugins()),
            new(MethodDirective.Name, "[NAME]", "what a method does and its options; without a name all methods", (name, _) => ShowMethod(name)),
            new("#reload", "ID", "loads what a plugin's folder holds now, after a rebuild", ReloadAsync),
            new("#error", "", "the last exception with its stack", (_, _) => Write(_repl.Session.LastError?.ToString() ?? "Nothing has failed.")),
            new("#history", "[TEXT]", "what was entered, or the part of it that holds a text", (text, _) => ShowHistory(text)),
            new("#reset", "", "forgets variables, models and plugins", (_, _) => _repl.ResetAsync()),
            new("#clear", "", "clears the screen", (_, _) => Done(_repl.ClearScreen)),
            new("#exit", "", "leaves (so do exit, quit and Ctrl+D)", (_, _) => Done(_repl.Leave)),
        ];
    }

    /// <summary>Whether a text is a command.</summary>
    public bool Matches(string text) => Find(text) is not null;

    /// <summary>Runs a text that is a command; false if it is none.</summary>
    public async Task<bool> TryRunAsync(string text, CancellationToken cancellationToken)
    {
        if (Find(text) is not { } command)
        {
            return false;
        }

        try
        {
            await command.RunAsync(text.Trim()[FirstWord(text).Length..].Trim(), cancellationToken).ConfigureAwait(false);
        }
        catch (ApertureException e)
        {
            _repl.Terminal.Fail(e.Message);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            _repl.Terminal.Error.WriteLine("Cancelled.");
        }

        return true;
    }

    private ReplDirective? Find(string text)
    {
        string word = FirstWord(text);
        return text.Trim() is "exit" or "quit" ? _commands[^1] : _commands.FirstOrDefault(command => command.Name == word);
    }

    private static string FirstWord(string text) => text.Trim().Split(' ', 2)[0];

    private string Help()
    {
        IEnumerable<string> commands = _commands.Select(c => $"  {c.Name + " " + c.Arguments,-16} {c.Summary}");
        return $"""
            Commands
            {string.Join('\n', commands)}
              #r "a.dll"       makes an assembly visible, #r "nuget: Package, 1.2.3" a package;  #load "a.csx"  runs a script in the session
              #!time CODE      runs an entry and prints how long it took
            {Keys}
            What entries can use
              Models.Load(id), Images.Load(path), Compare(image, question, pipelines…), Measure(pipeline, image, question), Methods, Plugins, Device
              Print(value), Show(value), ShowLive(value), Formatter, Args, Cancellation
            """;
    }

    private Task ShowVariables()
    {
        IReadOnlyList<ScriptVariable> variables = _repl.Session.Script.Variables;
        IScriptDisplay display = _repl.Session.Environment.Display;
        return Done(() => display.Show(variables.Count == 0
            ? "There are no variables."
            : new DisplayTable(
                ["name", "type", "value"],
                [.. variables.Select(v => (IReadOnlyList<string>)[v.Name, TypeName.Of(v.Type), display.Formatter.Format(v.Value).Text.Split('\n')[0]])])));
    }

    private Task ShowPlugins() => Done(() => _repl.Session.Environment.Display.Show(_repl.Session.Environment.Globals.Plugins.List));

    private Task ShowMethod(string name) => Done(() => _repl.Session.Environment.Globals.Methods.Show(name.Length == 0 ? null : name.Trim('"', ';')));

    private async Task ReloadAsync(string id, CancellationToken cancellationToken)
    {
        PluginGlobals plugins = _repl.Session.Environment.Globals.Plugins;
        PluginReload reload = await _repl.Interrupt.WatchAsync(interrupt => plugins.Reload(id, interrupt.Requested), cancellationToken).ConfigureAwait(false);
        await Write(reload.Message).ConfigureAwait(false);
    }

    private Task ShowHistory(string text)
    {
        IReadOnlyList<string> entries = _repl.History.Entries;
        IEnumerable<string> shown = entries.Select((entry, i) => (Entry: entry, Number: i + 1))
            .Where(e => e.Entry.Contains(text, StringComparison.OrdinalIgnoreCase))
            .TakeLast(50)
            .Select(e => string.Create(CultureInfo.InvariantCulture, $"{e.Number,5}  {e.Entry.ReplaceLineEndings("\n       ")}"));
        return Write(string.Join('\n', shown));
    }

    private Task Write(string text) => Done(() => _repl.Terminal.Output.WriteLine(text));

    private static Task Done(Action action)
    {
        action();
        return Task.CompletedTask;
    }
}
