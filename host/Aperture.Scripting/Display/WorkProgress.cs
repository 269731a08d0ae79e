using System.Net;

namespace Aperture.Scripting;

/// <summary>How far counted work has come.</summary>
/// <param name="What">What is counted.</param>
/// <param name="Done">How many are done.</param>
/// <param name="Total">How many there are.</param>
/// <param name="Elapsed">How long it has taken so far.</param>
public sealed record WorkProgress(string What, int Done, int Total, TimeSpan Elapsed)
{
    /// <summary>Whether all is done.</summary>
    public bool IsDone => Done >= Total;

    /// <summary>A bar with its text.</summary>
    public string ToHtml() => $"<progress value=\"{Done}\" max=\"{Total}\"></progress> {WebUtility.HtmlEncode(ToString())}";

    /// <summary><c>questions: 12 of 60, 3.4 s</c>.</summary>
    public override string ToString() => $"{What}: {Done} of {Total}, {Elapsed.TotalSeconds:0.0} s";
}
