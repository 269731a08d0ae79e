using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.Loader;
using Aperture.Scripting;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Aperture.Scripting.Tests.Sessions;

public class ScriptAssemblyTests
{
    private const string LibraryCode = "namespace Sample; public sealed class Box { public int Size => VALUE; public static Box Instance { get; } = new(); }";

    [Fact]
    public async Task Reference_by_path_loads_a_library_also_from_the_cache()
    {
        using ScriptFixture f = new();
        Compile(Path.Combine(f.Folder, "Sample.Lib.dll"), 12);
        f.Write("a.csx", "#r \"Sample.Lib.dll\"\nusing Sample;\nBox.Instance.Size");
        Assert.Equal(new ScriptResult.Value(12, true), await f.RunFile("a.csx"));
        f.Restart();
        Assert.Equal(new ScriptResult.Value(12, true), await f.RunFile("a.csx"));
        Assert.Equal(0, f.Session.Compilations);
        Compile(Path.Combine(f.Folder, "Sample.Lib.dll"), 13);
        f.Restart();
        Assert.Equal(new ScriptResult.Value(13, true), await f.RunFile("a.csx"));
    }

    // The old code would go on running behind the new one's declarations.
    [Fact]
    public async Task A_library_that_was_rebuilt_is_refused_until_the_session_begins_anew()
    {
        using ScriptFixture f = new();
        string path = Path.Combine(f.Folder, "Sample.Lib.dll"), ask = $"#r \"{path}\"\nSample.Box.Instance.Size";
        Compile(path, 11);
        Assert.IsType<ScriptResult.CompileError>(await f.Run($"{ask} + nowhere")); // nothing of it runs yet, so that it may still be mended
        Compile(path, 12);
        Assert.Equal(12, await f.Value(ask));
        Assert.Equal(12, await f.Value(ask));

        Compile(path, 13);

        Assert.Equal(
            $"error LIBRARY: '{path}' differs from the Sample.Lib that this session has in use; a new session (#reset) takes it.",
            Assert.IsType<ScriptResult.CompileError>(await f.Run(ask)).ToString());
        Assert.Equal(12, await f.Value("Sample.Box.Instance.Size"));
        f.Restart();
        Assert.Equal(13, await f.Value(ask));
    }

    [Fact]
    public async Task A_plugin_loaded_by_the_host_has_one_identity_and_both_contexts_unload()
    {
        (WeakReference plugin, WeakReference session) = RunAgainstPlugin();
        for (int i = 0; i < 20 && (plugin.IsAlive || session.IsAlive); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            await Task.Delay(10);
        }

        Assert.Equal((false, false), (plugin.IsAlive, session.IsAlive));
    }

    // Not async and not inlined: a state machine or a stack slot would keep the contexts alive.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static (WeakReference Plugin, WeakReference Session) RunAgainstPlugin()
    {
        using ScriptFixture f = new();
        string path = Path.Combine(f.Folder, "Sample.Plugin.dll");
        Compile(path, 5);
        AssemblyLoadContext context = new("plugin", isCollectible: true);
        Assembly plugin = context.LoadFromAssemblyPath(path);
        object instance = plugin.GetType("Sample.Box")!.GetProperty("Instance")!.GetValue(null)!;
        using ScriptSession session = new(
            typeof(TestGlobals), f.Globals, new ScriptSessionOptions { ResolveAssembly = name => name.Name == "Sample.Plugin" ? plugin : null });
        session.AddReferenceAsync(plugin).GetAwaiter().GetResult();
        Assert.Same(instance, Value(session, "using Sample; Box.Instance"));
        Value(session, "record Holder(Box Box); var held = new Holder(Box.Instance); class Own { }");
        object own = Value(session, "await Task.Yield(); return new Own();")!;
        (WeakReference, WeakReference) weak = (new WeakReference(context), new WeakReference(AssemblyLoadContext.GetLoadContext(own.GetType().Assembly)));
        context.Unload();
        return weak;
    }

    private static object? Value(ScriptSession session, string text)
    {
        ScriptResult result = session.RunAsync(ScriptSource.FromText(text), CancellationToken.None).GetAwaiter().GetResult();
        return Assert.IsType<ScriptResult.Value>(result).Result;
    }

    private static void Compile(string path, int value)
    {
        CSharpCompilation compilation = CSharpCompilation.Create(
            Path.GetFileNameWithoutExtension(path),
            [CSharpSyntaxTree.ParseText(LibraryCode.Replace("VALUE", value.ToString()))],
            [MetadataReference.CreateFromFile(typeof(object).Assembly.Location)],
            new CSharpCompilationOptions(OutputKind.DynamicallyLinkedLibrary));
        Assert.Empty(compilation.GetDiagnostics());
        using FileStream stream = File.Create(path);
        Assert.True(compilation.Emit(stream).Success);
    }
}
