namespace Aperture.Jupyter;

/// <summary>Makes <see cref="Console"/> the running cell's, until disposed. One a process.</summary>
public sealed class ConsoleCapture : IDisposable
{
    private readonly TextWriter _output = Console.Out;
    private readonly TextWriter _error = Console.Error;
    private readonly TextReader _input = Console.In;

    /// <summary>Takes the console over.</summary>
    /// <param name="display">Knows the running cell.</param>
    public ConsoleCapture(CellDisplay display)
    {
        Console.SetOut(display.StandardOutput);
        Console.SetError(display.StandardError);
        Console.SetIn(display.StandardInput);
    }

    /// <summary>Gives the console back.</summary>
    public void Dispose()
    {
        Console.SetOut(_output);
        Console.SetError(_error);
        Console.SetIn(_input);
    }
}
