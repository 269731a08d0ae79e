using Aperture.Natives;
using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Host;

/// <summary>Writes how a script ended, and turns it into an exit code.</summary>
internal static class ScriptReport
{
    public static int Write(Terminal terminal, IScriptDisplay display, ScriptResult result)
    {
        switch (result)
        {
            case ScriptResult.Value { IsExpression: true, Result: { } value }:
                display.Show(value);
                return 0;
            case ScriptResult.Value { IsExpression: false, Result: int code }:
                return code;
            case ScriptResult.Value:
                return 0;
            case ScriptResult.CompileError error:
                foreach (ScriptDiagnostic diagnostic in error.Errors)
                {
                    terminal.Error.WriteLine(Terminal.Plain(diagnostic.ToString()));
                }

                return ErrorReport.Failed;
            case ScriptResult.RuntimeError error:
                return Write(terminal, error);
            default:
                terminal.Error.WriteLine("Cancelled.");
                return ErrorReport.Interrupted;
        }
    }

    private static int Write(Terminal terminal, ScriptResult.RuntimeError error)
    {
        ApertureException? natives = TorchNatives.Explain(error.Exception);
        terminal.Fail(natives?.Message ?? error.ToString());
        if (ErrorReport.WantsTrace)
        {
            terminal.Error.WriteLine(error.Exception);
        }

        return ErrorReport.Failed;
    }
}
