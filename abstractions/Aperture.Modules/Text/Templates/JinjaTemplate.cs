using Expression = System.Func<Aperture.Text.JinjaScope, object?>;
using Statement = System.Action<Aperture.Text.JinjaScope>;

namespace Aperture.Text;

/// <summary>
/// A chat template in the part of Jinja that chat templates use: loops, conditions, assignments, filters and tests; nothing of it reaches beyond the
/// conversation that it is given.
/// </summary>
internal sealed class JinjaTemplate
{
    private const int DeepestBlocks = 100;

    private readonly List<JinjaPiece> _pieces;
    private readonly Statement _body;
    private int _piece, _depth;
    private JinjaWords _words = new([]);

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
            _words = new JinjaWords(piece.Words);
            if (piece.Kind == JinjaKind.Text)
            {
                statements.Add(scope => scope.Write(piece.Text));
                continue;
            }

            if (piece.Kind == JinjaKind.Output)
            {
                Expression value = JinjaExpressions.Whole(_words);
                statements.Add(scope => scope.Write(JinjaValues.Text(value(scope))));
                continue;
            }

            string word = _words.Next();
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
        "if" => Nested(If),
        "for" => Nested(For),
        "set" => Nested(Set),
        "generation" => Nested(() => Until("endgeneration")),
        "break" => scope => scope.Leaves = JinjaLeave.Loop,
        "continue" => scope => scope.Leaves = JinjaLeave.Turn,
        _ => throw new JinjaException($"the statement '{word}'"),
    };

    // Blocks are read and run by recursion.
    private Statement Nested(Func<Statement> read)
    {
        if (++_depth > DeepestBlocks)
        {
            throw new JinjaException($"blocks {_depth} deep");
        }

        Statement statement = read();
        _depth--;
        return statement;
    }

    private Statement Until(string expected)
    {
        Statement body = Block(out string end);
        return end == expected ? body : throw new JinjaException($"'{end}' where '{expected}' stands");
    }

    private Statement If()
    {
        Expression condition = JinjaExpressions.Whole(_words);
        Statement then = Block(out string end);
        Statement otherwise = end switch
        {
            "elif" => Nested(If),
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
        List<string> names = [_words.Next()];
        while (_words.Take(","))
        {
            names.Add(_words.Next());
        }

        _words.Expect("in");
        Expression items = JinjaExpressions.Or(_words);
        Expression? condition = _words.Take("if") ? JinjaExpressions.Ternary(_words) : null;
        _words.RequireEnd();
        Statement body = Block(out string end), otherwise = end == "else" ? Until("endfor") : Nothing;
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
        string name = _words.Next();
        string? member = _words.Take(".") ? _words.Next() : null;
        if (!_words.Take("="))
        {
            Statement body = Until("endset");
            return scope => scope.Variables[name] = scope.Captured(body);
        }

        Expression value = JinjaExpressions.Whole(_words);
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
}
