using System.Globalization;
using Expression = System.Func<Aperture.Text.JinjaScope, object?>;
using Statement = System.Action<Aperture.Text.JinjaScope>;

namespace Aperture.Text;

/// <summary>
/// A chat template in the part of Jinja that chat templates use: loops, conditions, assignments, filters and tests; nothing of it reaches beyond the
/// conversation that it is given.
/// </summary>
internal sealed class JinjaTemplate
{
    private readonly List<JinjaPiece> _pieces;
    private readonly Statement _body;
    private int _piece, _word;
    private IReadOnlyList<string> _words = [];

    private JinjaTemplate(string template)
    {
        _pieces = JinjaLexer.Pieces(template);
        _body = Block(out string end);
        if (end.Length > 0)
        {
            throw new JinjaException($"'{end}' without a beginning");
        }
    }

    /// <summary>Reads a template.</summary>
    /// <exception cref="JinjaException">It uses what is not known here.</exception>
    public static JinjaTemplate Parse(string template) => new(template);

    /// <summary>Writes the text of a conversation.</summary>
    /// <param name="variables">What the template knows: <c>messages</c>, <c>add_generation_prompt</c>, <c>bos_token</c>, …</param>
    /// <exception cref="JinjaException">It refuses the conversation, or does what is not known here.</exception>
    public string Render(Dictionary<string, object?> variables)
    {
        JinjaScope scope = new(variables);
        _body(scope);
        return scope.Output.ToString();
    }

    // Statements up to one that ends a block, whose word is given back with its words ready to be read.
    private Statement Block(out string end)
    {
        List<Statement> statements = [];
        end = "";
        while (_piece < _pieces.Count && end.Length == 0)
        {
            JinjaPiece piece = _pieces[_piece++];
            (_words, _word) = (piece.Words, 0);
            if (piece.Kind == JinjaKind.Text)
            {
                statements.Add(scope => scope.Write(piece.Text));
                continue;
            }

            if (piece.Kind == JinjaKind.Output)
            {
                Expression value = Whole();
                statements.Add(scope => scope.Write(JinjaValues.Text(value(scope))));
                continue;
            }

            string word = Next();
            if (word is "elif" or "else" || word.StartsWith("end", StringComparison.Ordinal))
            {
                end = word;
            }
            else
            {
                statements.Add(StatementOf(word));
            }
        }

        return scope =>
        {
            foreach (Statement statement in statements)
            {
                if (scope.Leaves == JinjaLeave.None)
                {
                    scope.Count();
                    statement(scope);
                }
            }
        };
    }

    private Statement StatementOf(string word) => word switch
    {
        "if" => If(),
        "for" => For(),
        "set" => Set(),
        "generation" => Until("endgeneration"),
        "break" => scope => scope.Leaves = JinjaLeave.Loop,
        "continue" => scope => scope.Leaves = JinjaLeave.Turn,
        _ => throw new JinjaException($"the statement '{word}'"),
    };

    private Statement Until(string expected)
    {
        Statement body = Block(out string end);
        return end == expected ? body : throw new JinjaException($"'{end}' where '{expected}' stands");
    }

    private Statement If()
    {
        Expression condition = Whole();
        Statement then = Block(out string end);
        Statement otherwise = end switch
        {
            "elif" => If(),
            "else" => Until("endif"),
            "endif" => Nothing,
            _ => throw new JinjaException("an 'if' that is not closed"),
        };
        return scope => (JinjaValues.IsTrue(condition(scope)) ? then : otherwise)(scope);
    }

    private static void Nothing(JinjaScope scope)
    {
    }

    private Statement For()
    {
        List<string> names = [Next()];
        while (Take(","))
        {
            names.Add(Next());
        }

        Expect("in");
        Expression items = Or();
        Expression? condition = Take("if") ? Ternary() : null;
        RequireEnd();
        Statement body = Block(out string end), otherwise = end == "else" ? Until("endfor") : _ => { };
        return end is "else" or "endfor" ? Loop : throw new JinjaException("a 'for' that is not closed");

        void Loop(JinjaScope scope)
        {
            bool Counts(object? item) => condition is null || JinjaValues.IsTrue(condition(scope.Inner(names, item)));
            List<object?> all = [.. JinjaValues.Items(items(scope)).Where(Counts)];
            for (int i = 0; i < all.Count && scope.Leaves != JinjaLeave.Loop; i++)
            {
                scope.Count();
                JinjaScope inner = scope.Inner(names, all[i]);
                inner.Variables["loop"] = new Dictionary<string, object?>
                {
                    ["index"] = i + 1L,
                    ["index0"] = (long)i,
                    ["first"] = i == 0,
                    ["last"] = i == all.Count - 1,
                    ["length"] = (long)all.Count,
                    ["revindex"] = (long)all.Count - i,
                    ["previtem"] = i > 0 ? all[i - 1] : JinjaValues.Undefined,
                    ["nextitem"] = i + 1 < all.Count ? all[i + 1] : JinjaValues.Undefined,
                };
                body(inner);
                scope.Leaves = inner.Leaves == JinjaLeave.Loop ? JinjaLeave.Loop : JinjaLeave.None;
            }

            scope.Leaves = JinjaLeave.None;
            if (all.Count == 0)
            {
                otherwise(scope);
            }
        }
    }

    private Statement Set()
    {
        string name = Next();
        string? member = Take(".") ? Next() : null;
        if (!Take("="))
        {
            Statement body = Until("endset");
            return scope => scope.Variables[name] = scope.Captured(body);
        }

        Expression value = Whole();
        return scope =>
        {
            if (member is null)
            {
                scope.Variables[name] = value(scope);
            }
            else
            {
                (scope.Find(name) as Dictionary<string, object?> ?? throw new JinjaException($"'{name}.{member}' of no namespace"))[member] = value(scope);
            }
        };
    }

    private Expression Whole()
    {
        Expression value = Ternary();
        RequireEnd();
        return value;
    }

    private Expression Ternary()
    {
        Expression value = Or();
        if (!Take("if"))
        {
            return value;
        }

        Expression condition = Or(), otherwise = Take("else") ? Ternary() : _ => JinjaValues.Undefined;
        return scope => JinjaValues.IsTrue(condition(scope)) ? value(scope) : otherwise(scope);
    }

    private Expression Or()
    {
        Expression left = And();
        while (Take("or"))
        {
            (Expression first, Expression second) = (left, And());
            left = scope => first(scope) is var value && JinjaValues.IsTrue(value) ? value : second(scope);
        }

        return left;
    }

    private Expression And()
    {
        Expression left = Not();
        while (Take("and"))
        {
            (Expression first, Expression second) = (left, Not());
            left = scope => first(scope) is var value && JinjaValues.IsTrue(value) ? second(scope) : value;
        }

        return left;
    }

    private Expression Not()
    {
        if (!Take("not"))
        {
            return Binary(0);
        }

        Expression value = Not();
        return scope => !JinjaValues.IsTrue(value(scope));
    }

    private static readonly string[][] _levels = [["==", "!=", "<", ">", "<=", ">=", "in"], ["~"], ["+", "-"], ["*", "/", "//", "%"]];

    private Expression Binary(int level)
    {
        if (level == _levels.Length)
        {
            return Unary();
        }

        Expression left = Binary(level + 1);
        while (Peek() is { } word && (_levels[level].Contains(word) || (level == 0 && word == "not" && Peek(1) == "in")))
        {
            bool negates = Take("not");
            string sign = Next();
            (Expression first, Expression second) = (left, Binary(level + 1));
            left = scope => JinjaValues.Operate(sign, first(scope), second(scope)) is var value && negates ? value is false : value;
        }

        return left;
    }

    private Expression Unary()
    {
        if (Take("-"))
        {
            Expression value = Unary();
            return scope => JinjaValues.Operate("-", 0L, value(scope));
        }

        Expression result = Primary();
        while (Peek() is { } word)
        {
            Expression of = result;
            if (Take("."))
            {
                string name = Next();
                result = Peek() == "(" ? Call(name, of) : scope => JinjaValues.Item(of(scope), name);
            }
            else if (Take("["))
            {
                result = Index(of);
            }
            else if (Take("|"))
            {
                result = Call(Next(), of);
            }
            else if (Take("is"))
            {
                bool negates = Take("not");
                string name = Next();
                (List<Expression> given, _) = Peek() == "(" ? Arguments() : (name is "equalto" or "eq" or "sameas" or "in" or "ne" ? [Primary()] : [], []);
                result = scope => JinjaValues.Test(name, of(scope), [.. given.Select(argument => argument(scope))]) != negates;
            }
            else
            {
                break;
            }
        }

        return result;
    }

    private Expression Index(Expression of)
    {
        Expression? first = Peek() == ":" ? null : Ternary(), last = null, step = null;
        if (Take("]"))
        {
            return scope => JinjaValues.Item(of(scope), first!(scope));
        }

        Expect(":");
        last = Peek() is ":" or "]" ? null : Ternary();
        step = Take(":") && Peek() != "]" ? Ternary() : null;
        Expect("]");
        return scope => JinjaValues.Slice(of(scope), first?.Invoke(scope) as long?, last?.Invoke(scope) as long?, step?.Invoke(scope) as long? ?? 1);
    }

    // A filter, or a method of a text or a map.
    private Expression Call(string name, Expression of)
    {
        (List<Expression> given, Dictionary<string, Expression> named) = Peek() == "(" ? Arguments() : ([], []);
        return scope => JinjaValues.Apply(
            name, of(scope), [.. given.Select(argument => argument(scope))], named.ToDictionary(argument => argument.Key, argument => argument.Value(scope)));
    }

    private (List<Expression> Given, Dictionary<string, Expression> Named) Arguments()
    {
        List<Expression> given = [];
        Dictionary<string, Expression> named = [];
        Expect("(");
        while (!Take(")"))
        {
            if (Peek(1) == "=")
            {
                string name = Next();
                Next();
                named[name] = Ternary();
            }
            else
            {
                given.Add(Ternary());
            }

            Take(",");
        }

        return (given, named);
    }

    private Expression Primary()
    {
        string word = Next();
        if (word[0] == '"')
        {
            string text = word[1..];
            while (Peek() is ['"', ..])
            {
                text += Next()[1..];
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
            "(" => Grouped(),
            "[" => ListOf("]"),
            "{" => MapOf(),
            _ when !char.IsAsciiLetter(word[0]) && word[0] != '_' => throw new JinjaException($"'{word}' where a value stands"),
            _ => Peek() == "(" ? Function(word) : scope => scope.Find(word),
        };
    }

    private Expression Grouped()
    {
        Expression value = Ternary();
        if (Take(")"))
        {
            return value;
        }

        Expect(",");
        Expression rest = ListOf(")");
        return scope => (List<object?>)[value(scope), .. JinjaValues.Items(rest(scope))];
    }

    private Expression ListOf(string end)
    {
        List<Expression> items = [];
        while (!Take(end))
        {
            items.Add(Ternary());
            Take(",");
        }

        return scope => items.Select(item => item(scope)).ToList();
    }

    private Expression MapOf()
    {
        List<(Expression Key, Expression Value)> entries = [];
        while (!Take("}"))
        {
            Expression key = Ternary();
            Expect(":");
            entries.Add((key, Ternary()));
            Take(",");
        }

        return scope => entries.ToDictionary(entry => JinjaValues.Text(entry.Key(scope)), entry => entry.Value(scope));
    }

    private Expression Function(string name)
    {
        (List<Expression> given, Dictionary<string, Expression> named) = Arguments();
        return name switch
        {
            "namespace" or "dict" => scope => named.ToDictionary(entry => entry.Key, entry => entry.Value(scope)),
            "range" => scope => JinjaValues.Range([.. given.Select(argument => argument(scope))]),
            "raise_exception" => scope => throw new JinjaException($"it refuses the conversation: {JinjaValues.Text(given[0](scope))}"),
            _ => throw new JinjaException($"the function '{name}'"),
        };
    }

    private string? Peek(int ahead = 0) => _word + ahead < _words.Count ? _words[_word + ahead] : null;

    private string Next() => _word < _words.Count ? _words[_word++] : throw new JinjaException("a tag that ends too early");

    private bool Take(string word)
    {
        bool isNext = Peek() == word;
        _word += isNext ? 1 : 0;
        return isNext;
    }

    private void Expect(string word)
    {
        if (!Take(word))
        {
            throw new JinjaException($"'{Peek() ?? "the end"}' where '{word}' stands");
        }
    }

    private void RequireEnd()
    {
        if (Peek() is { } word)
        {
            throw new JinjaException($"'{word}' behind a value");
        }
    }
}
