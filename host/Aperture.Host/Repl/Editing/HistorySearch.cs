namespace Aperture.Host.Repl;

/// <summary>Searching the history backwards for a part of an entry (Ctrl+R).</summary>
internal sealed class HistorySearch(LineHistory history, string before)
{
    private int _index = history.Entries.Count;

    /// <summary>What had been written when the search began.</summary>
    public string Before { get; } = before;

    public string Query { get; private set; } = "";

    /// <summary>The entry that is found, or what was written before.</summary>
    public string Found => _index < history.Entries.Count ? history.Entries[_index] : Before;

    public bool Failed { get; private set; }

    public void Type(string text)
    {
        Query += text;
        Find(_index + 1);
    }

    public void DeleteBack()
    {
        Query = Query.Length == 0 ? "" : Query[..^1];
        Find(history.Entries.Count);
    }

    public void Older() => Find(_index);

    private void Find(int before)
    {
        int found = Query.Length == 0 ? -1 : history.FindBefore(before, entry => entry.Contains(Query, StringComparison.OrdinalIgnoreCase));
        Failed = found < 0 && Query.Length > 0;
        _index = found >= 0 ? found : _index;
    }
}
