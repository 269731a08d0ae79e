using Aperture.Host.Repl;
using Aperture.Scripting;
using Aperture.Scripting.Tests.Sessions;

namespace Aperture.Scripting.Tests.Repl;

/// <summary>The line editor over a fake terminal and a real session.</summary>
internal sealed class EditorFixture : IDisposable
{
    private readonly ScriptFixture _script = new();

    public EditorFixture(int width = 60, int height = 20, bool hasColour = false)
    {
        Terminal = new FakeTerminal(width, height);
        Intelligence = new SessionIntelligence(_script.Session);
        Editor = new LineEditor(Terminal, Intelligence, History, new Theme(hasColour));
    }

    public FakeTerminal Terminal { get; }

    public SessionIntelligence Intelligence { get; }

    public LineHistory History { get; } = new(null);

    public LineEditor Editor { get; }

    public Task<ScriptResult> Run(string code) => _script.Run(code);

    /// <summary>Types texts one after the other and returns what was entered. At a <see cref="Seen"/> the typing waits for the screen.</summary>
    public LineEntry Enter(params object[] steps)
    {
        Queue<object> left = new(steps);
        int mark = Terminal.Written.Length;
        DateTime limit = DateTime.UtcNow.AddSeconds(120);
        Terminal.Idle = () =>
        {
            while (left.TryPeek(out object? step))
            {
                if (step is string text)
                {
                    Terminal.Type(text);
                    left.Dequeue();
                    return true;
                }

                int found = Terminal.Written.IndexOf(((Seen)step).Text, mark, StringComparison.Ordinal);
                if (found < 0)
                {
                    Assert.True(DateTime.UtcNow < limit, $"The screen never showed '{step}':\n{string.Join('\n', Terminal.Screen.Rows)}");
                    return true;
                }

                mark = Terminal.Written.Length;
                left.Dequeue();
            }

            return false;
        };
        return Editor.Read("> ", text => text.StartsWith("#help", StringComparison.Ordinal), () => { }, CancellationToken.None);
    }

    public string EnteredText(params object[] steps) => Assert.IsType<LineEntry.Entered>(Enter(steps)).Text;

    public void Dispose()
    {
        Intelligence.Dispose();
        _script.Dispose();
    }
}

/// <summary>A step that waits until the terminal has been written a text since the step before.</summary>
internal sealed record Seen(string Text);
