using Aperture.Scripting;

namespace Aperture.Host;

/// <summary>A live display on a terminal: writes the new text over the old one.</summary>
internal sealed class RewrittenText : ILiveDisplay
{
    private readonly TextWriter _output;
    private readonly ValueFormatter _formatter;
    private int _rows;

    public RewrittenText(TextWriter output, ValueFormatter formatter, object? value)
    {
        (_output, _formatter) = (output, formatter);
        Update(value);
    }

    public void Update(object? value)
    {
        int width = Math.Max(20, Console.WindowWidth);
        string[] rows = [.. _formatter.Format(value).Text.Split('\n').Select(row => row.Length < width ? row : row[..(width - 2)] + "…")];
        string up = _rows > 0 ? $"\x1b[{_rows}A\r" : "";
        _output.Write($"{up}\x1b[J{string.Join('\n', rows)}\n");
        _rows = rows.Length;
    }

    public void Dispose() => _rows = 0;
}
