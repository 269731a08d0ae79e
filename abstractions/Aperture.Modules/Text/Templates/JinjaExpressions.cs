using System.Globalization;
using Expression = System.Func<Aperture.Text.JinjaScope, object?>;

namespace Aperture.Text;

/// <summary>Reads what has a value: operators by their precedence, members, filters, tests, calls and literals.</summary>
internal static class JinjaExpressions
{
    // Operators of two sides, those that bind least first.
    private static readonly string[][] _levels = [["==", "!=", "<", ">", "<=", ">=", "in"], ["~"], ["+", "-"], ["*", "/", "//", "%"]];

    public static Expression Whole(JinjaWords words)
    {
        Expression value = Ternary(words);
        words.RequireEnd();
        return value;
    }

    public static Expression Ternary(JinjaWords words)
    {
        Expression value = Or(words);
        if (!words.Take("if"))
        {
            return value;
        }

        Expression condition = Or(words), otherwise = words.Take("else") ? Ternary(words) : _ => JinjaValues.Undefined;
        return scope => JinjaValues.IsTrue(condition(scope)) ? value(scope) : otherwise(scope);
    }

    public static Expression Or(JinjaWords words)
    {
        Expression left = And(words);
        while (words.Take("or"))
        {
            (Expression first, Expression second) = (left, And(words));
            left = scope => first(scope) is var value && JinjaValues.IsTrue(value) ? value : second(scope);
        }

        return left;
    }

    private static Expression And(JinjaWords words)
    {
        Expression left = Not(words);
        while (words.Take("and"))
        {
            (Expression first, Expression second) = (left, Not(words));
            left = scope => first(scope) is var value && JinjaValues.IsTrue(value) ? second(scope) : value;
        }

        return left;
    }

    private static Expression Not(JinjaWords words)
    {
        if (!words.Take("not"))
        {
            return Binary(words, 0);
        }

        Expression value = Not(words);
        return scope => !JinjaValues.IsTrue(value(scope));
    }

    private static Expression Binary(JinjaWords words, int level)
    {
        if (level == _levels.Length)
        {
            return Unary(words);
        }

        Expression left = Binary(words, level + 1);
        while (words.Peek() is { } word && (_levels[level].Contains(word) || (level == 0 && word == "not" && words.Peek(1) == "in")))
        {
            bool negates = words.Take("not");
            string sign = words.Next();
            (Expression first, Expression second) = (left, Binary(words, level + 1));
            left = scope => scope.Weighed(JinjaValues.Operate(sign, first(scope), second(scope))) is var value && negates ? value is false : value;
        }

        return left;
    }

    private static Expression Unary(JinjaWords words)
    {
        if (words.Take("-"))
        {
            Expression value = Unary(words);
            return scope => JinjaValues.Operate("-", 0L, value(scope));
        }

        Expression result = Primary(words);
        while (words.Peek() is { } word)
        {
            Expression of = result;
            if (words.Take("."))
            {
                string name = words.Next();
                result = words.Peek() == "(" ? Call(words, name, of) : scope => JinjaValues.Item(of(scope), name);
            }
            else if (words.Take("["))
            {
                result = Index(words, of);
            }
            else if (words.Take("|"))
            {
                result = Call(words, words.Next(), of);
            }
            else if (words.Take("is"))
            {
                bool negates = words.Take("not");
                string name = words.Next();
                (List<Expression> given, _) = words.Peek() == "(" ? Arguments(words)
                    : (name is "equalto" or "eq" or "sameas" or "in" or "ne" ? [Primary(words)] : [], []);
                result = scope => JinjaValues.Test(name, of(scope), [.. given.Select(argument => argument(scope))]) != negates;
            }
            else
            {
                break;
            }
        }

        return result;
    }

    private static Expression Index(JinjaWords words, Expression of)
    {
        Expression? first = words.Peek() == ":" ? null : Ternary(words), last = null, step = null;
        if (words.Take("]"))
        {
            return scope => JinjaValues.Item(of(scope), first!(scope));
        }

        words.Expect(":");
        last = words.Peek() is ":" or "]" ? null : Ternary(words);
        step = words.Take(":") && words.Peek() != "]" ? Ternary(words) : null;
        words.Expect("]");
        return scope => scope.Weighed(
            JinjaValues.Slice(of(scope), first?.Invoke(scope) as long?, last?.Invoke(scope) as long?, step?.Invoke(scope) as long? ?? 1));
    }

    // A filter, or a method of a text or a map.
    private static Expression Call(JinjaWords words, string name, Expression of)
    {
        (List<Expression> given, Dictionary<string, Expression> named) = words.Peek() == "(" ? Arguments(words) : ([], []);
        return scope => scope.Weighed(JinjaValues.Apply(
            name, of(scope), [.. given.Select(argument => argument(scope))], named.ToDictionary(argument => argument.Key, argument => argument.Value(scope))));
    }

    private static (List<Expression> Given, Dictionary<string, Expression> Named) Arguments(JinjaWords words)
    {
        List<Expression> given = [];
        Dictionary<string, Expression> named = [];
        words.Expect("(");
        while (!words.Take(")"))
        {
            if (words.Peek(1) == "=")
            {
                string name = words.Next();
                words.Next();
                named[name] = Ternary(words);
            }
            else
            {
                given.Add(Ternary(words));
            }

            words.Take(",");
        }

        return (given, named);
    }

    private static Expression Primary(JinjaWords words)
    {
        string word = words.Next();
        if (word[0] == '"')
        {
            string text = word[1..];
            while (words.Peek() is ['"', ..])
            {
                text += words.Next()[1..];
            }

            return _ => text;
        }

        if (char.IsAsciiDigit(word[0]))
        {
            object number = word.Contains('.', StringComparison.Ordinal)
                ? double.Parse(word, CultureInfo.InvariantCulture)
                : (object)(long.TryParse(word, CultureInfo.InvariantCulture, out long whole) ? whole : throw new JinjaException($"the number '{word}'"));
            return _ => number;
        }

        return word switch
        {
            "true" or "True" => _ => true,
            "false" or "False" => _ => false,
            "none" or "None" => _ => null,
            "(" => Grouped(words),
            "[" => ListOf(words, "]"),
            "{" => MapOf(words),
            _ when !char.IsAsciiLetter(word[0]) && word[0] != '_' => throw new JinjaException($"'{word}' where a value stands"),
            _ => words.Peek() == "(" ? Function(words, word) : scope => scope.Find(word),
        };
    }

    private static Expression Grouped(JinjaWords words)
    {
        Expression value = Ternary(words);
        if (words.Take(")"))
        {
            return value;
        }

        words.Expect(",");
        Expression rest = ListOf(words, ")");
        return scope => (List<object?>)[value(scope), .. JinjaValues.Items(rest(scope))];
    }

    private static Expression ListOf(JinjaWords words, string end)
    {
        List<Expression> items = [];
        while (!words.Take(end))
        {
            items.Add(Ternary(words));
            words.Take(",");
        }

        return scope => items.Select(item => item(scope)).ToList();
    }

    private static Expression MapOf(JinjaWords words)
    {
        List<(Expression Key, Expression Value)> entries = [];
        while (!words.Take("}"))
        {
            Expression key = Ternary(words);
            words.Expect(":");
            entries.Add((key, Ternary(words)));
            words.Take(",");
        }

        return scope =>
        {
            Dictionary<string, object?> map = new(StringComparer.Ordinal);
            entries.ForEach(entry => map[JinjaValues.Text(entry.Key(scope))] = entry.Value(scope));
            return map;
        };
    }

    private static Expression Function(JinjaWords words, string name)
    {
        (List<Expression> given, Dictionary<string, Expression> named) = Arguments(words);
        return name switch
        {
            "namespace" or "dict" => scope => named.ToDictionary(entry => entry.Key, entry => entry.Value(scope)),
            "range" => scope => JinjaValues.Range([.. given.Select(argument => argument(scope))]),
            "raise_exception" => scope => throw new JinjaException(
                $"it refuses the conversation: {(given.Count > 0 ? JinjaValues.Text(given[0](scope)) : "no reason")}"),
            _ => throw new JinjaException($"the function '{name}'"),
        };
    }
}
