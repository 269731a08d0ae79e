using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>The open list of completions. It opens as the user types; only after a step into it does Enter take an entry.</summary>
internal sealed class CompletionMenu(CodeCompletions completions)
{
    private const int MostRows = 8;
    private int _index;

    public CodeCompletions Completions { get; } = completions;

    /// <summary>Whether the user has stepped into the list.</summary>
    public bool IsEntered { get; private set; }

    public CodeCompletion Selected => Completions.Items[_index];

    public void Enter() => IsEntered = true;

    public void Move(int steps)
    {
        _index = IsEntered
            ? (((_index + steps) % Completions.Items.Count) + Completions.Items.Count) % Completions.Items.Count
            : steps < 0
            ? Completions.Items.Count - 1
            : 0;
        IsEntered = true;
    }

    /// <summary>The rows to draw.</summary>
    public IReadOnlyList<string> Draw(Theme theme, int indent, int width)
    {
        int first = Math.Clamp(_index - (MostRows / 2), 0, Math.Max(0, Completions.Items.Count - MostRows));
        CodeCompletion[] shown = [.. Completions.Items.Skip(first).Take(MostRows)];
        int labels = Math.Min(shown.Max(item => item.Label.Length), Math.Max(8, width - indent - 16));
        string margin = new(' ', Math.Max(0, Math.Min(indent, width - labels - 16)));
        List<string> rows = [];
        for (int i = 0; i < shown.Length; i++)
        {
            string label = Cut(shown[i].Label, labels).PadRight(labels);
            string row = first + i == _index && IsEntered ? theme.Selected + label + theme.SelectedEnd : label;
            rows.Add($"{margin}{row} {theme.Dim}{shown[i].Kind}");
        }

        if (Completions.Items.Count > shown.Length)
        {
            rows.Add($"{margin}{theme.Dim}{_index + 1}/{Completions.Items.Count}");
        }

        return rows;
    }

    private static string Cut(string text, int length) => text.Length <= length ? text : text[..(length - 1)] + "…";
}
