namespace Aperture.Jupyter;

/// <summary>Sends what <see cref="Console"/> gets to the running cell, until disposed. One a process.</summary>
public sealed class ConsoleCapture : IDisposable
{
    private readonly TextWriter _output = Console.Out;
    private readonly TextWriter _error = Console.Error;

    /// <summary>Takes the console over.</summary>
    /// <param name="display">Knows the running cell.</param>
    public ConsoleCapture(CellDisplay display)
    {
        Console.SetOut(display.StandardOutput);
        Console.SetError(display.StandardError);
    }

    /// <summary>Gives the console back.</summary>
    public void Dispose()
    {
        Console.SetOut(_output);
        Console.SetError(_error);
    }
}
