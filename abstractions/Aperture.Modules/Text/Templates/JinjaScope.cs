using System.Text;

namespace Aperture.Text;

/// <summary>How a loop is left.</summary>
internal enum JinjaLeave
{
    /// <summary>It goes on.</summary>
    None,

    /// <summary>Its turn ends (<c>continue</c>).</summary>
    Turn,

    /// <summary>It ends (<c>break</c>).</summary>
    Loop,
}

/// <summary>The names that a part of a template sees, and what it has written; how much it may do is bounded.</summary>
internal sealed class JinjaScope
{
    private const int MostSteps = 200_000, LongestText = 1 << 22, MostMade = 1 << 26, ListItem = 16, LongestTime = 10_000;

    private readonly JinjaScope? _outer;
    private readonly JinjaScope _root;
    private readonly long _begun; // of the outermost
    private int _steps;
    private long _made;

    /// <summary>The outermost scope.</summary>
    public JinjaScope(Dictionary<string, object?> variables)
        => (Variables, _root, _begun) = (new(variables, StringComparer.Ordinal), this, Environment.TickCount64);

    private JinjaScope(JinjaScope outer) => (Variables, _outer, _root) = (new(StringComparer.Ordinal), outer, outer._root);

    /// <summary>Names of this scope alone.</summary>
    public Dictionary<string, object?> Variables { get; }

    /// <summary>What has been written.</summary>
    public StringBuilder Output { get; private set; } = new();

    /// <summary>Whether a loop is being left.</summary>
    public JinjaLeave Leaves { get; set; }

    public object? Find(string name)
        => Variables.TryGetValue(name, out object? value) ? value : _outer is null ? JinjaValues.Undefined : _outer.Find(name);

    public void Write(string text)
    {
        if (_root.Output.Length + text.Length > LongestText)
        {
            throw new JinjaException("more text than a prompt ever has");
        }

        _root.Output.Append(text);
    }

    public void Count()
    {
        if (++_root._steps > MostSteps)
        {
            throw new JinjaException("more steps than a prompt ever takes");
        }

        if (Environment.TickCount64 - _root._begun > LongestTime)
        {
            throw new JinjaException("more time than a prompt ever takes");
        }
    }

    /// <summary>A value that was made, counted against what all of them may weigh.</summary>
    public object? Weighed(object? value)
    {
        _root._made += value switch { string text => text.Length, List<object?> list => (long)ListItem * list.Count, _ => 0 };
        return _root._made <= MostMade ? value : throw new JinjaException("more text than a prompt ever takes");
    }

    /// <summary>A scope inside, with an item of a loop under its names.</summary>
    public JinjaScope Inner(List<string> names, object? item)
    {
        JinjaScope inner = new(this);
        if (names.Count == 1)
        {
            inner.Variables[names[0]] = item;
            return inner;
        }

        List<object?> parts = JinjaValues.Items(item);
        for (int i = 0; i < names.Count; i++)
        {
            inner.Variables[names[i]] = i < parts.Count ? parts[i] : throw new JinjaException($"{names.Count} names for {parts.Count} values");
        }

        return inner;
    }

    /// <summary>What a part of the template writes, as a value.</summary>
    public string Captured(Action<JinjaScope> body)
    {
        StringBuilder before = _root.Output;
        _root.Output = new StringBuilder();
        body(this);
        string text = _root.Output.ToString();
        _root.Output = before;
        return text;
    }
}
