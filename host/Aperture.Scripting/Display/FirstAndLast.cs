namespace Aperture.Scripting;

/// <summary>A live display for places that cannot replace what they wrote: shows the first content at once and the last one when it ends.</summary>
public sealed class FirstAndLast : ILiveDisplay
{
    private readonly IScriptDisplay _display;
    private object? _last;
    private bool _changed;

    /// <summary>Shows the first content.</summary>
    /// <param name="display">Where.</param>
    /// <param name="value">The first content.</param>
    public FirstAndLast(IScriptDisplay display, object? value)
    {
        _display = display;
        display.Show(value);
    }

    /// <inheritdoc/>
    public void Update(object? value) => (_last, _changed) = (value, true);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_changed)
        {
            _display.Show(_last);
            _changed = false;
        }
    }
}
