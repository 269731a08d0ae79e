using Aperture.Measuring;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>
/// What <c>Print</c> and <c>Show</c> of cells write to: the output of the cell that runs, or of the last one, for threads that outlive their cell.
/// </summary>
public sealed class CellDisplay : IScriptDisplay
{
    private volatile ICellOutput _output = new SilentOutput();

    /// <inheritdoc/>
    public ValueFormatter Formatter { get; } = new();

    /// <summary>Standard input as cells see it.</summary>
    public TextReader StandardInput => new CellReader(this);

    /// <summary>Standard output as cells see it.</summary>
    public TextWriter StandardOutput => new CellWriter(this, "stdout");

    /// <summary>Standard error as cells see it.</summary>
    public TextWriter StandardError => new CellWriter(this, "stderr");

    /// <summary>Asks the user for a line; null where there is none.</summary>
    internal Func<string>? Ask { get; set; }

    internal ICellOutput Output
    {
        get => _output;
        set => _output = value;
    }

    /// <inheritdoc/>
    public void Print(string text) => _output.Stream("stdout", text + "\n");

    /// <inheritdoc/>
    public void Show(object? value) => _output.Display(Forms(value), null);

    /// <inheritdoc/>
    public ILiveDisplay ShowLive(object? value)
    {
        string id = Guid.NewGuid().ToString("N");
        ICellOutput output = _output;
        output.Display(Forms(value), id);
        return new Live(this, output, id);
    }

    /// <inheritdoc/>
    public void Clear(bool wait) => _output.Clear(wait);

    internal MimeBundle Forms(object? value) => MimeBundle.Of(Formatter.Format(value));

    private sealed class Live(CellDisplay display, ICellOutput output, string id) : ILiveDisplay
    {
        public void Update(object? value) => output.Update(display.Forms(value), id);

        public void Dispose()
        {
        }
    }
}
