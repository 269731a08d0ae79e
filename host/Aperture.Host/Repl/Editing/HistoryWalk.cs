namespace Aperture.Host.Repl;

/// <summary>Walking through the history from one prompt: up and down among the entries that start as the text did when the walk began.</summary>
internal sealed class HistoryWalk(LineHistory history)
{
    private int _index = history.Entries.Count;
    private string _written = "";

    /// <summary>The next older entry, or null if there is none.</summary>
    public string? Older(string current)
    {
        if (_index == history.Entries.Count)
        {
            _written = current;
        }

        int found = history.FindBefore(_index, Fits);
        return found < 0 ? null : history.Entries[_index = found];
    }

    /// <summary>The next younger entry, at last what had been written before the walk; null if already there.</summary>
    public string? Younger()
    {
        if (_index == history.Entries.Count)
        {
            return null;
        }

        int found = history.FindAfter(_index, Fits);
        _index = found < 0 ? history.Entries.Count : found;
        return found < 0 ? _written : history.Entries[found];
    }

    /// <summary>The walk ends where it is: the next one starts at the newest entry.</summary>
    public void Stop() => _index = history.Entries.Count;

    private bool Fits(string entry) => entry.StartsWith(_written, StringComparison.Ordinal) && entry != _written;
}
