using System.CommandLine;
using System.CommandLine.Invocation;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Host.Commands;

/// <summary>
/// The commands of plugins. They are looked for where the command line calls no built-in verb: for a verb of another name, and for the list of verbs in help.
/// Owns the plugin host and, until a command has run, the leases on the plugins.
/// </summary>
internal sealed class PluginCommands : IAsyncDisposable
{
    private readonly CommandContext _context;
    private readonly ParseResult _words;
    private readonly List<PluginLease> _leases = [];
    private PluginHost? _host;

    /// <param name="context">What every verb works with.</param>
    /// <param name="words">The command line as it stands without any verb: the first word that is not explained is the verb.</param>
    public PluginCommands(CommandContext context, ParseResult words) => (_context, _words) = (context, words);

    /// <summary>Whether a command line calls no built-in verb, so that those of plugins count: it calls another, or asks for help.</summary>
    /// <param name="words">The command line as it stands without any verb.</param>
    /// <param name="builtIn">The root command with the built-in verbs.</param>
    public static bool WantedBy(ParseResult words, RootCommand builtIn)
        => Verb(words) is { } verb
            ? !verb.StartsWith('-') && builtIn.Subcommands.All(command => command.Name != verb)
            : words.Action is null or CommandExamples.Help or ParseErrorAction;

    /// <summary>Loads the enabled plugins and adds the command that is called or, where none is, all of them by name.</summary>
    /// <param name="root">The root command.</param>
    /// <exception cref="ApertureException">No plugin has the command, two have it, or its description is wrong.</exception>
    public void AddTo(RootCommand root)
    {
        if (Verb(_words) is { } verb)
        {
            root.Subcommands.Add(Find(verb, root));
        }
        else
        {
            List(root);
        }
    }

    /// <summary>Runs a command to its end; what it opened is closed again.</summary>
    public async Task<int> RunAsync(PluginCommandLine line, ParseResult parsed, CancellationToken cancellationToken)
    {
        PluginCommandContext own = new(_context, line, parsed, _host!, cancellationToken);
        await using (own.ConfigureAwait(false))
        {
            try
            {
                return await Task.Run(() => line.Described.RunAsync(own, cancellationToken), CancellationToken.None).ConfigureAwait(false);
            }
            finally
            {
                own.EndProgress();
                Release(); // Closing what was opened waits for those who still use a plugin.
            }
        }
    }

    /// <summary>Gives the plugins back and lets them go.</summary>
    public async ValueTask DisposeAsync()
    {
        Release();
        if (_host is not null)
        {
            await _host.DisposeAsync().ConfigureAwait(false);
        }
    }

    private static string? Verb(ParseResult words) => words.UnmatchedTokens is [string first, ..] ? first : null;

    private Command Find(string verb, RootCommand root)
    {
        List<Offered> all = Load(out IReadOnlyList<string> failures);
        Offered[] found = [.. all.Where(known => known.Command.Name == verb)];
        IEnumerable<string> names = [.. root.Subcommands.Select(known => known.Name), .. all.Select(known => known.Command.Name)];
        return found switch
        {
            [] => throw new ApertureException(string.Join(" ", failures.Prepend(Unknown(verb, names)))),
            [var only] => Create(only),
            _ => throw new ApertureException(Doubled(verb, found)),
        };
    }

    // Help goes on whatever is wrong with a plugin.
    private void List(RootCommand root)
    {
        HashSet<string> builtIn = [.. root.Subcommands.Select(command => command.Name)];
        try
        {
            List<Offered> all = Load(out IReadOnlyList<string> failures);
            foreach (IGrouping<string, Offered> named in all.GroupBy(known => known.Command.Name))
            {
                Add(root, [.. named], builtIn.Contains(named.Key));
            }

            foreach (string failure in failures)
            {
                _context.Terminal.Warn(failure);
            }
        }
        catch (ApertureException error)
        {
            _context.Terminal.Warn(error.Message);
        }
    }

    private void Add(RootCommand root, IReadOnlyList<Offered> named, bool isBuiltIn)
    {
        (string plugin, IPluginCommand command) = named[0];
        if (isBuiltIn)
        {
            _context.Terminal.Warn($"Plugin '{plugin}' has a command '{command.Name}', which is a built-in verb; give it another name.");
            return;
        }

        if (named.Count > 1)
        {
            _context.Terminal.Warn(Doubled(command.Name, named));
            return;
        }

        try
        {
            root.Subcommands.Add(Create(named[0]));
        }
        catch (ApertureException error)
        {
            _context.Terminal.Warn(error.Message);
        }
    }

    private Command Create(Offered offered) => new PluginCommandLine(offered.Plugin, offered.Command).Create(this);

    private List<Offered> Load(out IReadOnlyList<string> failures)
    {
        _host = new PluginHost(_context.Plugins.Read(_words));
        List<Offered> commands = [];
        List<string> failed = [];
        foreach (PluginEntry entry in _host.Catalog.Entries.Where(entry => entry.Enabled))
        {
            if (_host.Load(entry.Id) is { } failure)
            {
                failed.Add(failure.Message);
                continue;
            }

            PluginLease lease = _host.Lease(entry.Id);
            _leases.Add(lease);
            commands.AddRange(lease.Commands.Select(command => new Offered(entry.Id, command)));
        }

        failures = failed;
        return commands;
    }

    private void Release()
    {
        _leases.ForEach(lease => lease.Dispose());
        _leases.Clear();
    }

    private static string Unknown(string verb, IEnumerable<string> known)
        => Nearest.Of(verb, known) is { } near
            ? $"There is no command '{verb}'; did you mean '{near}'?"
            : $"There is no command '{verb}'; aperture --help lists those there are.";

    private static string Doubled(string verb, IReadOnlyList<Offered> found)
        => $"Plugins {string.Join(" and ", found.Select(known => $"'{known.Plugin}'"))} have a command '{verb}' each; "
            + "disable all but one in plugins.json, or leave --plugin away.";

    private sealed record Offered(string Plugin, IPluginCommand Command);
}
