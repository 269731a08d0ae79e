using Aperture.Tasks;

namespace Aperture.Text.Scoring;

/// <summary>A question of ScienceQA.</summary>
public sealed record ScienceQaProblem
{
    /// <summary>The question.</summary>
    public required string Question { get; init; }

    /// <summary>A text that goes with it; empty for none.</summary>
    public string Hint { get; init; } = "";

    /// <summary>A description of its picture; empty for none.</summary>
    public string Caption { get; init; } = "";

    /// <summary>The choices, two to five.</summary>
    public required IReadOnlyList<string> Choices { get; init; }

    /// <summary>Index of the right choice.</summary>
    public required int Answer { get; init; }

    /// <summary>The lesson behind it; empty for none.</summary>
    public string Lecture { get; init; } = "";

    /// <summary>Why the answer is right; empty for none.</summary>
    public string Solution { get; init; } = "";
}
