using System.Diagnostics;
using System.Reflection;

namespace Aperture.Scripting;

/// <summary>Finds the line of the script that an exception came from.</summary>
internal static class ScriptFailure
{
    // The compiler writes full paths; the name of a cell, which is no file, is what stands at the end.
    public static ScriptResult.RuntimeError Describe(Exception exception, ScriptAssemblies session)
    {
        Exception inner = Unwrap(exception);
        foreach (StackFrame frame in new StackTrace(inner, fNeedFileInfo: true).GetFrames())
        {
            if (frame.GetMethod() is { } method
                && session.Owns(method.Module.Assembly)
                && frame.GetFileName() is { } file)
            {
                return new ScriptResult.RuntimeError(inner, File.Exists(file) ? file : Path.GetFileName(file), frame.GetFileLineNumber());
            }
        }

        return new ScriptResult.RuntimeError(inner, "", 0);
    }

    private static Exception Unwrap(Exception exception) => exception switch
    {
        AggregateException { InnerExceptions: [{ } only] } => Unwrap(only),
        TargetInvocationException { InnerException: { } inner } => Unwrap(inner),
        _ => exception,
    };
}
