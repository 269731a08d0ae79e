using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Models;
using Aperture.Plugins;

namespace Aperture.Host.Commands;

/// <summary>How a command of a plugin stands on the command line: its description as arguments and options, and their values.</summary>
/// <param name="plugin">The plugin's id.</param>
/// <param name="described">The command; borrowed.</param>
internal sealed partial class PluginCommandLine(string plugin, IPluginCommand described)
{
    private readonly Dictionary<string, Func<ParseResult, IReadOnlyList<string>>> _values = new(StringComparer.Ordinal);

    /// <summary>The command.</summary>
    public IPluginCommand Described => described;

    /// <summary>The model argument and its options; null for a command that works on none.</summary>
    public ModelArguments? Model { get; } = described.NeedsModel ? new ModelArguments() : null;

    /// <summary>The values of an argument or option.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="name">Its name.</param>
    /// <exception cref="ArgumentException">There is none of that name.</exception>
    public IReadOnlyList<string> Values(ParseResult parsed, string name)
        => _values.TryGetValue(name, out Func<ParseResult, IReadOnlyList<string>>? values)
            ? values(parsed)
            : throw new ArgumentException($"The command '{described.Name}' describes no argument or option '{name}'.", nameof(name));

    /// <summary>The verb with its arguments and options.</summary>
    /// <param name="commands">Runs it.</param>
    /// <exception cref="ApertureException">The description is wrong.</exception>
    public Command Create(PluginCommands commands)
    {
        if (!Verb().IsMatch(described.Name))
        {
            throw Wrong("its name must be small letters, digits and dashes");
        }

        Command command = new(described.Name, described.Summary);
        if (Model is not null)
        {
            command.Arguments.Add(Model.Model);
            Model.AddOptions(command);
        }

        foreach (CommandParameter argument in described.Arguments)
        {
            command.Arguments.Add(Argument(command, argument));
        }

        foreach (CommandParameter option in described.Options)
        {
            command.Options.Add(Option(command, option));
        }

        command.SetAction((parsed, token) => commands.RunAsync(this, parsed, token));
        return command;
    }

    private Argument<string[]> Argument(Command command, CommandParameter parameter)
    {
        Check(parameter, command.Arguments.Any(known => known.Name == parameter.Name));
        if (parameter.Type == CommandValue.Flag)
        {
            throw Wrong($"the argument '{parameter.Name}' is a flag, which only an option can be");
        }

        if (command.Arguments is [.., { } last] && last.Arity.MaximumNumberOfValues > 1)
        {
            throw Wrong($"the argument '{parameter.Name}' stands behind a repeatable one, which must be the last");
        }

        Argument<string[]> argument = new(parameter.Name)
        {
            Description = parameter.Summary,
            Arity = new ArgumentArity(parameter.Required ? 1 : 0, parameter.Repeatable ? 100_000 : 1),
            CustomParser = result => Read(parameter.Name, parameter.Type, result),
        };
        if (parameter.Default is { } value)
        {
            argument.DefaultValueFactory = _ => [value];
        }

        _values.Add(parameter.Name, parsed => parsed.GetValue(argument) ?? []);
        return argument;
    }

    private Option Option(Command command, CommandParameter parameter)
    {
        string name = $"--{parameter.Name}";
        bool isHosts = parameter.Name is "help" or "device" or "threads" or "plugin" || command.Options.Any(known => known.Name == name);
        Check(parameter, isHosts || _values.ContainsKey(parameter.Name));
        if (parameter.Type == CommandValue.Flag)
        {
            Option<bool> flag = new(name) { Description = parameter.Summary };
            _values.Add(parameter.Name, parsed => parsed.GetValue(flag) ? ["true"] : []);
            return flag;
        }

        Option<string[]> option = new(name)
        {
            Description = parameter.Summary,
            HelpName = parameter.ValueName ?? (parameter.Type == CommandValue.Integer ? "count" : parameter.Type == CommandValue.Number ? "number" : "text"),
            Required = parameter.Required,
            Arity = parameter.Repeatable ? ArgumentArity.OneOrMore : ArgumentArity.ExactlyOne,
            CustomParser = result => Read(name, parameter.Type, result),
        };
        if (parameter.Default is { } value)
        {
            option.DefaultValueFactory = _ => [value];
        }

        _values.Add(parameter.Name, parsed => parsed.GetValue(option) ?? []);
        return option;
    }

    private static string[] Read(string name, CommandValue type, ArgumentResult result)
    {
        string[] values = [.. result.Tokens.Select(token => token.Value)];
        foreach (string value in values)
        {
            if (type == CommandValue.Integer && !int.TryParse(value, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out _))
            {
                result.AddError($"{name} {value}: give a whole number.");
            }
            else if (type == CommandValue.Number && !(double.TryParse(value, CultureInfo.InvariantCulture, out double number) && double.IsFinite(number)))
            {
                result.AddError($"{name} {value}: give a number.");
            }
        }

        return values;
    }

    private void Check(CommandParameter parameter, bool taken)
    {
        if (!Verb().IsMatch(parameter.Name))
        {
            throw Wrong($"'{parameter.Name}' is no name of an argument or option; use small letters, digits and dashes");
        }

        if (taken)
        {
            throw Wrong($"the argument or option '{parameter.Name}' is there twice, or is one that the host adds");
        }
    }

    private ApertureException Wrong(string what) => new($"Plugin '{plugin}': the command '{described.Name}' cannot be called: {what}.");

    [GeneratedRegex("^[a-z][a-z0-9-]*$")]
    private static partial Regex Verb();
}
