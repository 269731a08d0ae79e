using System.Reflection;
using System.Runtime;
using Aperture.Requests;
using Aperture.Scheduling;
using Microsoft.CodeAnalysis.CSharp;

namespace Aperture.Scripting;

/// <summary>
/// A chain of C# submissions that see each other's variables, methods, types and usings: one script file, a REPL, a notebook.
/// Roslyn binds and emits; loading and running is done here, in one collectible context per session, because stock scripting can neither see
/// unloadable plugins nor give memory back. Submissions run one at a time on a thread of the session's own.
/// </summary>
public sealed class ScriptSession : IDisposable
{
    // An abort may hit library code in the middle. An entry that awaits needs none: it is left at its next await.
    private static readonly TimeSpan _untilAbort = TimeSpan.FromMilliseconds(50);

    private readonly Type _globalsType;
    private readonly object _globals;
    private readonly ScriptSessionOptions _options;
    private readonly ScriptLibraries _libraries;
    private readonly SubmissionChain _chain;
    private readonly ScriptThread _thread = new();
    private readonly ScriptCache? _cache;
    private readonly ScriptAssemblies _assemblies;
    private readonly CancellationTokenSource _ended = new();
    private SubmissionCompiler? _compiler;
    private DeclarationChain? _declarations;
    private (ScriptSource Source, string Name)? _uncompiled;
    private int _submissions;
    private int _compilations;
    private bool _disposed;

    /// <summary>Starts a session.</summary>
    /// <param name="globalsType">The public type whose members scripts use without a prefix; usually derived from <see cref="ScriptGlobals"/>.</param>
    /// <param name="globals">The object of that type.</param>
    /// <param name="options">Imports, references, cache.</param>
    public ScriptSession(Type globalsType, object globals, ScriptSessionOptions? options = null)
    {
        if (!globalsType.IsInstanceOfType(globals))
        {
            throw new ArgumentException($"The globals object is a {globals.GetType()}, not a {globalsType}.", nameof(globals));
        }

        if (globals is ScriptGlobals own)
        {
            own.Session = this;
        }

        _globalsType = globalsType;
        _globals = globals;
        _options = options ?? new ScriptSessionOptions();
        _libraries = new ScriptLibraries(_options.ResolveAssembly);
        _assemblies = new ScriptAssemblies(_libraries);
        _chain = new SubmissionChain(globals);
        _cache = _options.CacheFolder is { } folder ? new ScriptCache(folder) : null;
    }

    /// <summary>How often the compiler has emitted code for this session; 0 after a script that came from the cache.</summary>
    public int Compilations => _compilations;

    /// <summary>The variables that the next submission would see.</summary>
    public IReadOnlyList<ScriptVariable> Variables => _chain.Variables();

    internal Type GlobalsType => _globalsType;

    /// <summary>What the next submission will be compiled with; any thread may ask.</summary>
    internal SessionView View => new(Compiler, Volatile.Read(ref _declarations)?.Last, Compiler.Added);

    /// <summary>The variables that hold objects of plugins that have been unloaded.</summary>
    public IReadOnlyList<ScriptVariable> RetiredVariables => [.. Variables.Where(v => RetiredObject.PluginOf(v, _options.RetiredPluginOf) is not null)];

    private SubmissionCompiler Compiler => LazyInitializer.EnsureInitialized(ref _compiler, () => new SubmissionCompiler(_globalsType, _options, _libraries));

    /// <summary>Makes an assembly (of a plugin loaded later) visible to the submissions that follow.</summary>
    public Task AddReferenceAsync(Assembly assembly) => _thread.Run(() =>
    {
        Compiler.AddReference(assembly);
        return true;
    });

    private DeclarationChain Declarations => _declarations ??= new DeclarationChain(Compiler);

    /// <summary>Loads the compiler ahead of the first submission; a REPL calls it while the user types.</summary>
    public Task WarmUpAsync() => _thread.Run(() =>
    {
        Compiler.Emit(Compiler.Bind(ScriptSource.FromText("0"), "warm-up", null, CancellationToken.None), CancellationToken.None);
        return true;
    });

    /// <summary>Compiles and runs a submission after those that ran before.</summary>
    public async Task<ScriptResult> RunAsync(ScriptSource source, CancellationToken cancellationToken)
    {
        using ScriptInterrupt interrupt = new(cancellationToken);
        return await RunAsync(source, interrupt).ConfigureAwait(false);
    }

    /// <summary>Compiles and runs a submission after those that ran before, and lets <paramref name="interrupt"/> stop it.</summary>
    /// <returns>How it ended. A submission that failed leaves the session as it was, except for what it had declared and assigned before it failed.</returns>
    public Task<ScriptResult> RunAsync(ScriptSource source, ScriptInterrupt interrupt) => _thread.Run(() => CompileAndRun(source, interrupt));

    /// <summary>
    /// Ends the session: an entry that runs is stopped, what entries left in the background goes no further than to its next await. Its code is unloaded once
    /// nothing refers to its objects any
    /// more.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _ended.Cancel();
        _thread.Run(() =>
        {
            _chain.Clear();
            _declarations = null;
            _compiler = null;
            _assemblies.Dispose();
            return true;
        });
        _thread.Dispose();
    }

    private ScriptResult CompileAndRun(ScriptSource source, ScriptInterrupt interrupt)
    {
        try
        {
            if (source.IsFile && _submissions == 0 && _cache is not null)
            {
                return RunCached(source, _cache, interrupt);
            }

            CSharpCompilation compilation = Compiler.Bind(source, $"aperture-cell-{_submissions}", Previous(interrupt.Requested), interrupt.Requested);
            return Emit(compilation, interrupt.Requested, out Submission? submission)
                ?? RetiredObject.FindUse(compilation, RetiredVariables, _options.RetiredPluginOf)
                ?? Run(source, submission!, () => compilation, interrupt);
        }
        catch (OperationCanceledException) when (interrupt.Requested.IsCancellationRequested)
        {
            return new ScriptResult.Cancelled();
        }
    }

    private ScriptResult RunCached(ScriptSource source, ScriptCache cache, ScriptInterrupt interrupt)
    {
        string key = ScriptCacheKey.Compute(source, _globalsType, _options);
        string name = "aperture-script-" + key[..16];
        Submission? submission = cache.Read(key);
        if (submission is not null)
        {
            foreach (string library in submission.Libraries)
            {
                _libraries.Add(library);
            }

            _uncompiled = (source, name);
            return Run(source, submission, null, interrupt);
        }

        CSharpCompilation compilation = Compiler.Bind(source, name, null, interrupt.Requested);
        if (Emit(compilation, interrupt.Requested, out submission) is { } error)
        {
            return error;
        }

        cache.Write(key, submission!);
        return Run(source, submission!, () => compilation, interrupt);
    }

    // A script that came from the cache is bound only when a second submission has to see it.
    private CSharpCompilation? Previous(CancellationToken cancellationToken)
    {
        if (_uncompiled is { } cached)
        {
            if (!Declarations.Add(Compiler.Bind(cached.Source, cached.Name, null, cancellationToken)))
            {
                _chain.RemoveLast();
            }

            _uncompiled = null;
        }

        return Declarations.Last;
    }

    private ScriptResult? Emit(CSharpCompilation compilation, CancellationToken cancellationToken, out Submission? submission)
    {
        Interlocked.Increment(ref _compilations);
        (submission, IReadOnlyList<ScriptDiagnostic> errors) = Compiler.Emit(compilation, cancellationToken);
        return submission is null ? new ScriptResult.CompileError(errors) : null;
    }

    private ScriptResult Run(ScriptSource source, Submission submission, Func<CSharpCompilation>? compilation, ScriptInterrupt interrupt)
    {
        _submissions++;
        MethodInfo? factory = _assemblies.LoadFactory(submission);
        if (_globals is ScriptGlobals globals)
        {
            globals.ScriptFolder = source.IsFile ? Path.GetDirectoryName(source.Path)! : _options.BaseFolder;
        }

        ScriptResult result = factory is null ? new ScriptResult.Value(null, false) : Invoke(factory, submission.IsExpression, interrupt);
        bool isUseful = result is ScriptResult.Value || _chain.LastLeftSomething();
        if (isUseful && _uncompiled is not null)
        {
            _chain.Keep(); // Whether it declares anything is seen when it is bound, before a second submission.
        }
        else if (isUseful && Declarations.Add(compilation!()))
        {
            _chain.Keep();
            ForgetHidden();
        }
        else
        {
            _chain.Drop();
            _uncompiled = null;
        }

        return result;
    }

    private void ForgetHidden()
    {
        foreach (int slot in Declarations.RemoveHidden())
        {
            _chain.Remove(slot);
        }
    }

    private ScriptResult Invoke(MethodInfo factory, bool isExpression, ScriptInterrupt interrupt)
    {
        Func<object?[], Task<object?>> start = factory.CreateDelegate<Func<object?[], Task<object?>>>();
        object?[] slots = _chain.Slots;
        Task<object?>? task = null;
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(interrupt.Requested, _ended.Token);
        using CancellationTokenSource abandon = CancellationTokenSource.CreateLinkedTokenSource(interrupt.Forced, _ended.Token);
        CancellationTokenSource abort = new(); // Not disposed: the timer may fire it while the entry ends.
        WorkScope scope = new(stop.Token, abandon.Token);
        using ScriptPump pump = new(scope, _options.OnBackgroundError, _ended.Token);
        using Timer force = new(_ =>
        {
            pump.WakeOwner();
            abort.Cancel();
        });
        using CancellationTokenRegistration forced = abandon.Token.Register(() => force.Change(_untilAbort, Timeout.InfiniteTimeSpan));
        SynchronizationContext? outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(pump);
        WorkScope.Current = scope;
        try
        {
#pragma warning disable SYSLIB0046 // The second stage of stopping a script: the user asked twice, and the process may have to be left after it.
            ControlledExecution.Run(
                () =>
                {
                    task = start(slots);
                    pump.RunUntilCompleted(task);
                },
                abort.Token);
#pragma warning restore SYSLIB0046
            ScriptResult.Value value = new(task!.GetAwaiter().GetResult(), isExpression);
            scope.HandOver(_ended.Token);
            return value;
        }
        catch (Exception e) when (abandon.IsCancellationRequested || (e is OperationCanceledException && stop.IsCancellationRequested))
        {
            pump.Abandon();
            return new ScriptResult.Cancelled();
        }
        catch (Exception e)
        {
            // The script's own failure, of whatever type: it is the result of the run.
            scope.HandOver(_ended.Token);
            return ScriptFailure.Describe(e, _assemblies);
        }
        finally
        {
            WorkScope.Current = null;
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }
}
