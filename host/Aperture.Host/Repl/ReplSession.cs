using Aperture.Scripting;

namespace Aperture.Host.Repl;

/// <summary>What the REPL works in: globals, script session and the intelligence over it.</summary>
internal sealed class ReplSession : IAsyncDisposable
{
    private int _entries;

    private ReplSession(ScriptEnvironment environment)
    {
        Environment = environment;
        Script = environment.StartSession();
        Intelligence = new SessionIntelligence(Script);
    }

    public ScriptEnvironment Environment { get; }

    public ScriptSession Script { get; }

    public SessionIntelligence Intelligence { get; }

    /// <summary>What the last entry that failed threw; null if none did.</summary>
    public Exception? LastError { get; private set; }

    public static ReplSession Start(ScriptEnvironment environment) => new(environment);

    /// <summary>Loads the compiler and the editor services while the user reads the prompt; the compiler first, because the first entry needs it.</summary>
    public async Task WarmUpAsync()
    {
        await Script.WarmUpAsync().ConfigureAwait(false);
        await Intelligence.WarmUpAsync().ConfigureAwait(false);
    }

    /// <summary>Runs an entry.</summary>
    public async Task<ScriptResult> RunAsync(string code, ScriptInterrupt interrupt)
    {
        ScriptResult result = await Script
            .RunAsync(ScriptSource.FromText(MethodDirective.Expand(code), $"entry {++_entries}"), interrupt)
            .ConfigureAwait(false);
        LastError = result is ScriptResult.RuntimeError error ? error.Exception : LastError;
        return result;
    }

    public async ValueTask DisposeAsync()
    {
        Intelligence.Dispose();
        Script.Dispose();
        await Environment.Globals.DisposeAsync().ConfigureAwait(false);
    }
}
