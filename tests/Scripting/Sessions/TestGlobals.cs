using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

public sealed class TestGlobals(TextWriter output) : ScriptGlobals(new TextDisplay(output))
{
    public int Counter { get; set; }

    public TaskCompletionSource Started { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
