using System.Text;
using Aperture.Host.Repl;

namespace Aperture.Scripting.Tests.Repl;

/// <summary>A terminal of a given size: what is typed comes from the test, what is drawn is kept as the rows a user would see.</summary>
internal sealed class FakeTerminal(int width = 60, int height = 20) : IEditorTerminal
{
    private readonly Queue<byte[]> _typed = new();
    private readonly StringBuilder _written = new();

    public int Width { get; set; } = width;

    public int Height => height;

    public ScreenRows Screen { get; } = new(height);

    /// <summary>Everything that was written, escape sequences included.</summary>
    public string Written => _written.ToString();

    /// <summary>Called whenever the editor waits for a key and none is left; returns false when the input has ended.</summary>
    public Func<bool> Idle { get; set; } = () => false;

    public FakeTerminal Type(params string[] texts)
    {
        foreach (string text in texts)
        {
            _typed.Enqueue(Encoding.UTF8.GetBytes(text));
        }

        return this;
    }

    public int Read(Span<byte> buffer, TimeSpan wait)
    {
        if (_typed.Count == 0)
        {
            if (wait == TimeSpan.Zero || wait == KeyReader.SequenceGap)
            {
                return 0; // Nobody waits for a user here: the editor looks whether more of the same has come.
            }

            if (!Idle())
            {
                return -1;
            }

            if (_typed.Count == 0)
            {
                Thread.Sleep(1);
                return 0;
            }
        }

        byte[] next = _typed.Dequeue();
        next.CopyTo(buffer);
        return next.Length;
    }

    public void Write(string text)
    {
        _written.Append(text);
        Screen.Write(text);
    }
}
