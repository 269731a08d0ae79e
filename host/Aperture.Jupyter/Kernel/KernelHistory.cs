using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Aperture.Requests;

namespace Aperture.Jupyter;

/// <summary>The cells that ran in this session, with the text of their values, as <c>history_request</c> asks for them.</summary>
internal sealed class KernelHistory
{
    private const int Session = 1;
    private readonly List<(int Count, string Input, string? Output)> _entries = [];

    /// <summary>Adds a cell that has run.</summary>
    public void Add(int count, string input, string? output) => _entries.Add((count, input, output));

    /// <summary>Answers a request: the last n entries, a range, or those that match a pattern with <c>*</c> and <c>?</c>.</summary>
    /// <returns>Arrays of session, number and input, or of session, number and the pair of input and output.</returns>
    /// <exception cref="ApertureException">The request names an unknown kind of access.</exception>
    public JsonArray Answer(JupyterMessage request)
    {
        IEnumerable<(int Count, string Input, string? Output)> found = request.Text("hist_access_type") switch
        {
            "tail" => _entries.TakeLast(Math.Max(0, request.Number("n", 10))),
            "range" => Range(request.Number("session", 0), request.Number("start", 0), request.Number("stop", int.MaxValue)),
            "search" => Search(request.Text("pattern", "*"), request.Number("n", int.MaxValue), request.Flag("unique", false)),
            var other => throw new ApertureException($"history_request has hist_access_type '{other}'; it must be tail, range or search."),
        };
        bool withOutput = request.Flag("output", false);
        return [.. found.Select(e => new JsonArray(Session, e.Count, withOutput ? new JsonArray(e.Input, e.Output) : e.Input))];
    }

    // Session 0 is the current one; there are no others.
    private IEnumerable<(int Count, string Input, string? Output)> Range(int session, int start, int stop)
        => session is 0 or Session ? _entries.Where(e => e.Count >= start && e.Count < stop) : [];

    private IEnumerable<(int Count, string Input, string? Output)> Search(string pattern, int most, bool unique)
    {
        string expression = "^" + Regex.Escape(pattern).Replace(@"\*", ".*", StringComparison.Ordinal).Replace(@"\?", ".", StringComparison.Ordinal) + "$";
        Regex regex = new(expression, RegexOptions.Singleline | RegexOptions.NonBacktracking);
        IEnumerable<(int Count, string Input, string? Output)> found = _entries.Where(e => regex.IsMatch(e.Input));
        return (unique ? found.GroupBy(e => e.Input, StringComparer.Ordinal).Select(g => g.Last()).OrderBy(e => e.Count) : found).TakeLast(Math.Max(0, most));
    }
}
