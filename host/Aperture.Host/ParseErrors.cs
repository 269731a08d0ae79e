using System.CommandLine;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using Aperture.Host.Commands;

namespace Aperture.Host;

/// <summary>What is wrong with a command line, in one line: the first thing that keeps it from running, and how to mend it.</summary>
internal static class ParseErrors
{
    /// <summary>Looks for an error.</summary>
    /// <param name="parsed">The command line.</param>
    /// <returns>The line, or null if the command can run. Asking for help or the version is never wrong.</returns>
    public static string? Find(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        bool runs = parsed.Action is not null && parsed.Action == command.Action;
        if (!runs && parsed.Action is not (null or ParseErrorAction))
        {
            return null;
        }

        return UnknownOption(parsed) ?? UnknownWord(parsed) ?? MissingCommand(command) ?? Missing(parsed) ?? Wrong(parsed);
    }

    /// <summary>A command as it is called: <c>plugins list</c>; <c>aperture</c> for the root.</summary>
    public static string Path(Command command)
        => command.Parents.OfType<Command>().FirstOrDefault() is { } parent ? $"{(parent is RootCommand ? "" : Path(parent) + " ")}{command.Name}" : "aperture";

    // The library takes a word with a dash that it does not know for an argument where one may still come. What stands behind -- is meant as it stands.
    private static string? UnknownOption(ParseResult parsed)
    {
        HashSet<Token> values = new(OptionsOf(parsed).SelectMany(option => parsed.GetResult(option)?.Tokens ?? []), ReferenceEqualityComparer.Instance);
        Token? unknown = parsed.Tokens.TakeWhile(token => token.Type != TokenType.DoubleDash)
            .FirstOrDefault(token => token.Type == TokenType.Argument && LooksLikeOption(token.Value) && !values.Contains(token));
        if (unknown is null)
        {
            return null;
        }

        Command command = parsed.CommandResult.Command;
        string name = unknown.Value.Split('=')[0], path = Path(command);
        string help = command is RootCommand ? "aperture --help" : $"aperture {path} --help";
        string line = Nearest.Of(name, OptionsOf(parsed).Where(option => !option.Hidden).Select(option => option.Name)) is { } near
            ? $"{path} has no option '{name}'; did you mean {near}?"
            : $"{path} has no option '{name}'; '{help}' lists those it has.";
        return command.Arguments.Any(argument => argument.Name == RunCommand.ScriptArguments)
            ? $"{line} Words for the script stand behind --."
            : line;
    }

    private static string? UnknownWord(ParseResult parsed)
    {
        if (parsed.UnmatchedTokens is not [string word, ..])
        {
            return null;
        }

        Command command = parsed.CommandResult.Command;
        string path = Path(command);
        return command.Subcommands.Count == 0
            ? $"{path} does not know what to do with '{word}'; put what belongs together in quotes{Example(command)}"
            : Nearest.Of(word, Names(command)) is { } near
                ? $"There is no command '{path} {word}'; did you mean '{path} {near}'?"
                : $"There is no command '{path} {word}'; there are {string.Join(", ", Names(command))}.";
    }

    private static string? MissingCommand(Command command)
        => command.Action is not null || command.Subcommands.Count == 0 ? null
            : command is RootCommand ? "aperture needs a command; 'aperture --help' lists those there are."
            : $"{Path(command)} needs a command: {string.Join(", ", Names(command))}.";

    private static string? Missing(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        string[] missing =
        [
            .. command.Arguments.Where(argument => (parsed.GetResult(argument)?.Tokens.Count ?? 0) < Least(parsed, argument))
                .Select(argument => WithArticle(argument.Name)),
            .. OptionsOf(parsed).Where(option => option.Required && parsed.GetResult(option) is null or { Implicit: true })
                .Select(option => $"{option.Name} <{option.HelpName}>"),
        ];
        return missing.Length == 0 ? null : $"{Path(command)} needs {Listed(missing)}{Example(command)}";
    }

    private static int Least(ParseResult parsed, Argument argument)
        => argument is QuestionArgument { Instead: { } option } ? parsed.GetResult(option) is null ? 1 : 0 : argument.Arity.MinimumNumberOfValues;

    private static string? Wrong(ParseResult parsed)
    {
        foreach (Option option in OptionsOf(parsed))
        {
            if (parsed.GetResult(option) is not { Implicit: false } given)
            {
                continue;
            }

            if (given.IdentifierTokenCount > 1 && option.Arity.MaximumNumberOfValues == 1)
            {
                return $"{option.Name} is given {given.IdentifierTokenCount} times; give it once.";
            }

            if (given.Tokens.Count < option.Arity.MinimumNumberOfValues)
            {
                return $"{option.Name} needs a value: {option.Name} <{option.HelpName}>.";
            }
        }

        return parsed.Errors is [{ } error, ..] ? Reason(error) : null;
    }

    // A value that is no number or name of its type; errors of our own parsers are lines already.
    private static string Reason(ParseError error)
    {
        (string name, Type type, IReadOnlyList<Token> tokens)? read = error.SymbolResult switch
        {
            OptionResult option => (option.Option.Name, option.Option.ValueType, option.Tokens),
            ArgumentResult { Parent: OptionResult option } => (option.Option.Name, option.Option.ValueType, option.Tokens),
            ArgumentResult argument => (argument.Argument.Name, argument.Argument.ValueType, argument.Tokens),
            _ => null,
        };
        bool isConversion = error.Message.StartsWith("Cannot parse", StringComparison.Ordinal);
        return isConversion && read is var (what, wanted, words) && words.Count > 0 && Wanted(wanted) is { } form
            ? $"{what} {words[^1].Value}: give {form}."
            : error.Message.ReplaceLineEndings(" ");
    }

    private static string? Wanted(Type type)
    {
        Type plain = Nullable.GetUnderlyingType(type) ?? type.GetElementType() ?? type;
        return plain.IsEnum ? Listed(Enum.GetNames(plain), "or")
            : plain == typeof(ulong) || plain == typeof(uint) ? "a whole number from 0"
            : plain == typeof(int) || plain == typeof(long) ? "a whole number"
            : plain == typeof(double) || plain == typeof(float) ? "a number"
            : null;
    }

    private static IEnumerable<Option> OptionsOf(ParseResult parsed)
    {
        List<Option> options = [.. parsed.CommandResult.Command.Options];
        for (SymbolResult? above = parsed.CommandResult.Parent; above is CommandResult { Command: { } command } result; above = result.Parent)
        {
            options.AddRange(command.Options.Where(option => option.Recursive));
        }

        return options;
    }

    private static IEnumerable<string> Names(Command command) => command.Subcommands.Where(known => !known.Hidden).Select(known => known.Name);

    private static bool LooksLikeOption(string word) => word.Length > 1 && word[0] == '-' && (word[1] == '-' || char.IsAsciiLetter(word[1]));

    private static string Example(Command command) => CommandExamples.Of(command) is [string first, ..] ? $"; for example: {first}" : ".";

    private static string WithArticle(string name)
        => name.EndsWith('s') || name == "data" ? name : $"{(name[0] is 'a' or 'e' or 'i' or 'o' or 'u' ? "an" : "a")} {name}";

    private static string Listed(IReadOnlyList<string> words, string last = "and")
        => words.Count == 1 ? words[0] : $"{string.Join(", ", words.SkipLast(1))} {last} {words[^1]}";
}
