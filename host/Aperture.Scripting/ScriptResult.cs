using Aperture.Natives;

namespace Aperture.Scripting;

/// <summary>
/// How a submission ended. The cases are <see cref="Value"/>, <see cref="CompileError"/>, <see cref="RuntimeError"/> and <see cref="Cancelled"/>.
/// </summary>
public abstract record ScriptResult
{
    private ScriptResult()
    {
    }

    /// <summary>It ran to its end.</summary>
    /// <param name="Result">The value of the last expression, or of <c>return</c>; null if there is none.</param>
    /// <param name="IsExpression">Whether it ended in an expression without a semicolon, whose value a REPL shows.</param>
    public sealed record Value(object? Result, bool IsExpression) : ScriptResult;

    /// <summary>It did not compile and nothing of it ran.</summary>
    /// <param name="Errors">At least one.</param>
    public sealed record CompileError(IReadOnlyList<ScriptDiagnostic> Errors) : ScriptResult
    {
        /// <inheritdoc/>
        public override string ToString() => string.Join(Environment.NewLine, Errors);
    }

    /// <summary>It threw.</summary>
    /// <param name="Exception">What it threw, unwrapped.</param>
    /// <param name="File">The script file or cell of the innermost frame that belongs to the session; empty if no frame does.</param>
    /// <param name="Line">1-based line in <paramref name="File"/>; 0 if unknown.</param>
    public sealed record RuntimeError(Exception Exception, string File, int Line) : ScriptResult
    {
        /// <inheritdoc/>
        public override string ToString()
        {
            string what = TorchText.Of(Exception);
            return Line == 0 ? what : $"{File}({Line}): {what}";
        }
    }

    /// <summary>It was stopped by the <see cref="ScriptInterrupt"/> or the caller's token.</summary>
    public sealed record Cancelled : ScriptResult;
}
