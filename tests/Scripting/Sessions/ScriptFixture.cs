using Aperture.Scripting;

namespace Aperture.Scripting.Tests.Sessions;

internal sealed class ScriptFixture : IDisposable
{
    public ScriptFixture(Func<ScriptSessionOptions, ScriptSessionOptions>? change = null, params string[] args)
    {
        Folder = Directory.CreateTempSubdirectory("aperture-script-").FullName;
        Globals = new TestGlobals(Output) { Args = args };
        Session = new ScriptSession(typeof(TestGlobals), Globals, change?.Invoke(Options) ?? Options);
    }

    public string Folder { get; }

    public StringWriter Output { get; } = new();

    public TestGlobals Globals { get; }

    public ScriptSession Session { get; private set; }

    private ScriptSessionOptions Options => new()
    {
        BaseFolder = Folder,
        CacheFolder = Path.Combine(Folder, "cache"),
        PackageFolder = Path.Combine(Folder, "restored"),
    };

    public string Write(string name, string text)
    {
        string path = Path.Combine(Folder, name);
        File.WriteAllText(path, text);
        return path;
    }

    /// <summary>A new session over the same folder and cache, as the next start of the command would make.</summary>
    public void Restart()
    {
        Session.Dispose();
        Session = new ScriptSession(typeof(TestGlobals), Globals, Options);
    }

    public Task<ScriptResult> Run(string text) => Session.RunAsync(ScriptSource.FromText(text, "cell"), CancellationToken.None);

    public Task<ScriptResult> RunFile(string name) => Session.RunAsync(ScriptSource.FromFile(Path.Combine(Folder, name)), CancellationToken.None);

    public async Task<object?> Value(string text)
    {
        ScriptResult result = await Run(text);
        return result is ScriptResult.Value value ? value.Result : throw new InvalidOperationException($"'{text}' ended in {result}");
    }

    public void Dispose()
    {
        Session.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
