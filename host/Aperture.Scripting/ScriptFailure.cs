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
        foreach (StackFrame frame in Causes(inner).Reverse().SelectMany(cause => new StackTrace(cause, fNeedFileInfo: true).GetFrames()))
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

    // The engine tells what a function of the script threw inside it in a line of its own: the function's line is the cause's.
    private static IEnumerable<Exception> Causes(Exception exception)
    {
        Exception? cause = exception;
        while (cause is not null)
        {
            yield return cause;
            cause = cause is ApertureException ? cause.InnerException : null;
        }
    }

    private static Exception Unwrap(Exception exception) => exception switch
    {
        AggregateException { InnerExceptions: [{ } only] } => Unwrap(only),
        TargetInvocationException { InnerException: { } inner } => Unwrap(inner),
        _ => exception,
    };
}
