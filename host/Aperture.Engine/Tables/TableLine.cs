namespace Aperture.Tables;

/// <summary>What a piece of a table is, so that places with colours can show it.</summary>
public enum TableRole
{
    /// <summary>What stands above the table.</summary>
    Title,

    /// <summary>Column heads.</summary>
    Head,

    /// <summary>The line below the heads.</summary>
    Rule,

    /// <summary>Cells.</summary>
    Cell,

    /// <summary>What stands below the table.</summary>
    Caption,
}

/// <summary>A piece of a line.</summary>
/// <param name="Role">What it is.</param>
/// <param name="Text">Its text.</param>
public readonly record struct TableSpan(TableRole Role, string Text);

/// <summary>A line of a table as it is shown.</summary>
/// <param name="Spans">Its pieces from left to right; none for an empty line.</param>
public sealed record TableLine(params IReadOnlyList<TableSpan> Spans)
{
    /// <summary>A line of one piece.</summary>
    /// <param name="role">What it is.</param>
    /// <param name="text">Its text.</param>
    public TableLine(TableRole role, string text)
        : this(text.Length == 0 ? [] : [new TableSpan(role, text)])
    {
    }

    /// <summary>The line as plain text.</summary>
    public string Text => string.Concat(Spans.Select(span => span.Text));

    /// <inheritdoc />
    public override string ToString() => Text;
}
