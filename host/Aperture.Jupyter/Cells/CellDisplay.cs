using Aperture.Measuring;
using Aperture.Scripting;

namespace Aperture.Jupyter;

/// <summary>
/// What <c>Print</c> and <c>Show</c> of cells write to: the output of the cell that runs, or of the last one, for threads that outlive their cell.
/// </summary>
public sealed class CellDisplay : IScriptDisplay
{
    private volatile ICellOutput _output = new SilentOutput();
    private CellError? _backgroundError;

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

    /// <summary>Describes exceptions with the lines of cells that led there; set by whoever runs the cells.</summary>
    internal Func<Exception, CellError>? Describe { get; set; }

    /// <summary>Takes the last failure of code in the background that nobody has taken; null where there is none.</summary>
    internal CellError? TakeBackgroundError() => Interlocked.Exchange(ref _backgroundError, null);

    internal ICellOutput Output
    {
        get => _output;
        set => _output = value;
    }

    /// <inheritdoc/>
    public void Print(string text) => _output.Stream("stdout", text + "\n");

    /// <inheritdoc/>
    public void Show(object? value) => _output.Display(Forms(value), null);

    /// <summary>Shows what code in the background threw that nobody awaits as an error of the cell that runs, or of the last one.</summary>
    /// <param name="error">The exception.</param>
    public void TellBackgroundError(Exception error)
    {
        if (Describe?.Invoke(error) is { } described)
        {
            _output.Error(described);
            Volatile.Write(ref _backgroundError, described);
        }
    }

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
