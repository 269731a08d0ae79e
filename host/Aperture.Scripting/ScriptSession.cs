using System.Diagnostics;
using System.Reflection;
using Aperture.Plugins;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;

namespace Aperture.Scripting;

/// <summary>
/// A chain of C# submissions that see each other's variables, methods, types and usings: one script file, a REPL, a notebook.
/// Roslyn binds and emits; loading and running is done here, in one collectible context per session, because stock scripting can neither see
/// unloadable plugins nor give memory back. Submissions run one at a time on a thread of the session's own.
/// </summary>
public sealed class ScriptSession : IDisposable
{
    // How long the end of a session waits for an entry to stop and for what it disposes.
    private static readonly TimeSpan _untilLeft = TimeSpan.FromSeconds(5);

    private readonly Type _globalsType;
    private readonly object _globals;
    private readonly ScriptSessionOptions _options;
    private readonly ScriptLibraries _libraries;
    private readonly SubmissionChain _chain;
    private readonly ScriptThread _thread = new();
    private readonly ScriptCache? _cache;
    private readonly ScriptAssemblies _assemblies;
    private readonly ScriptPackages _packages;
    private readonly SubmissionRunner _runner;
    private readonly IDisposable? _threadErrors;
    private readonly UsingVariables _usings;
    private readonly CancellationTokenSource _ended = new();
    private SubmissionCompiler? _compiler;
    private DeclarationChain? _declarations;
    private (ScriptSource Source, string Name)? _uncompiled;
    private int _submissions;
    private int _compilations;
    private TimeSpan _ran;
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
        _packages = new ScriptPackages(
            new PackageRestore(_options.PackageFolder, _options.BaseFolder), _libraries, (globals as ScriptGlobals)?.Display);
        _runner = new SubmissionRunner(_assemblies, _options.OnBackgroundError, _ended.Token);
        _usings = new UsingVariables(_options.OnBackgroundError);
        _threadErrors = _options.WatchesThreads ? ThreadErrors.Watch(_options.OnBackgroundError) : null;
        _chain = new SubmissionChain(globals);
        _cache = _options.CacheFolder is { } folder ? new ScriptCache(folder) : null;
        _ = _thread.Run(() =>
        {
            PlotFont.MakeDefault(); // Before the first entry, and no prompt waits for it.
            return true;
        });
    }

    /// <summary>How often the compiler has emitted code for this session; 0 after a script that came from the cache.</summary>
    public int Compilations => _compilations;

    /// <summary>The variables that the next submission would see.</summary>
    public IReadOnlyList<ScriptVariable> Variables => _chain.Variables();

    internal Type GlobalsType => _globalsType;

    /// <summary>Lists the methods that <c>With</c> takes; any thread may ask.</summary>
    internal Func<IReadOnlyList<PluginMethod>> Methods => _options.Methods;

    /// <summary>What the next submission will be compiled with; any thread may ask.</summary>
    internal SessionView View => new(Compiler, Volatile.Read(ref _declarations)?.Last, Compiler.Added);

    /// <summary>The variables that hold objects of plugins that have been unloaded.</summary>
    public IReadOnlyList<ScriptVariable> RetiredVariables => [.. Variables.Where(v => RetiredObject.PluginOf(v, _options.RetiredPluginOf) is not null)];

    private SubmissionCompiler Compiler => LazyInitializer.EnsureInitialized(
        ref _compiler, () => new SubmissionCompiler(_globalsType, _options, _libraries, _packages));

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
        (SyntaxTree tree, IReadOnlyList<string> usings) = SubmissionCompiler.Parse(ScriptSource.FromText("0"), CancellationToken.None);
        Compiler.Emit(Compiler.Link(tree, "warm-up", null), usings, CancellationToken.None);
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
    public Task<ScriptResult> RunAsync(ScriptSource source, ScriptInterrupt interrupt) => _thread.Run(() =>
    {
        long begun = Stopwatch.GetTimestamp();
        _ran = TimeSpan.Zero;
        ScriptResult result = CompileAndRun(source, interrupt);
        if (result is not ScriptResult.CompileError && ScriptDialect.IsTimed(source.Text) && _globals is ScriptGlobals globals)
        {
            globals.Display.Print($"time: {Duration(_ran)}, and {Duration(Stopwatch.GetElapsedTime(begun) - _ran)} to compile");
        }

        return result;
    });

    /// <summary>
    /// Ends the session: an entry that runs is stopped, what entries left in the background goes no further than to its next await. Its code is unloaded once
    /// nothing refers to its objects any more. What <c>using</c> declarations hold is disposed before this returns, unless an entry cannot be stopped.
    /// </summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _ended.Cancel();
        _threadErrors?.Dispose();
        Task<bool> end = _thread.Run(() =>
        {
            _usings.DisposeAll();
            _chain.Clear();
            _declarations = null;
            _compiler = null;
            _assemblies.Dispose();
            return true;
        });
        _thread.Dispose();
        if (_usings.Any && !_thread.IsCurrent)
        {
            end.Wait(_untilLeft);
        }
    }

    private ScriptResult CompileAndRun(ScriptSource source, ScriptInterrupt interrupt)
    {
        try
        {
            if (source.IsFile && _submissions == 0 && _cache is not null)
            {
                return RunCached(source, _cache, interrupt);
            }

            return Compile(source, $"aperture-cell-{_submissions}", interrupt.Requested, out CSharpCompilation? compilation, out Submission? submission)
                ?? RetiredObject.FindUse(compilation!, RetiredVariables, _options.RetiredPluginOf)
                ?? Run(source, submission!, () => compilation!, interrupt);
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
        if (submission is not null && HasPackagesOf(submission, interrupt.Requested))
        {
            foreach (string library in submission.Libraries)
            {
                _libraries.Add(library);
            }

            _uncompiled = (source, name);
            return Run(source, submission, null, interrupt);
        }

        if (Compile(source, name, interrupt.Requested, out CSharpCompilation? compilation, out submission) is { } error)
        {
            return error;
        }

        cache.Write(key, submission!);
        return Run(source, submission!, () => compilation!, interrupt);
    }

    // Newer packages than those that it was compiled with may have other members. What cannot be had is told when the script is compiled, with its line.
    private bool HasPackagesOf(Submission submission, CancellationToken cancellationToken) =>
        _packages.Require(submission.Packages.Select(package => new PackageDirective(package.ToDirective())), cancellationToken) is null
        && submission.PackageVersions.SequenceEqual(_packages.Found.Select(library => library.ToString()));

    // A script that came from the cache is bound only when a second submission has to see it.
    private CSharpCompilation? Previous(CancellationToken cancellationToken)
    {
        if (_uncompiled is { } cached)
        {
            SyntaxTree tree = SubmissionCompiler.Parse(cached.Source, cancellationToken).Tree;
            if (!Declarations.Add(Compiler.Link(tree, cached.Name, null)))
            {
                _chain.RemoveLast();
            }

            _uncompiled = null;
        }

        return Declarations.Last;
    }

    private ScriptResult? Compile(
        ScriptSource source, string name, CancellationToken cancellationToken, out CSharpCompilation? compilation, out Submission? submission)
    {
        (compilation, submission) = (null, null);
        (SyntaxTree tree, IReadOnlyList<string> usings) = SubmissionCompiler.Parse(source, cancellationToken);
        if (_packages.Require(PackageDirective.Find(tree, Compiler.Sources), cancellationToken) is { } missing)
        {
            return new ScriptResult.CompileError([missing]);
        }

        compilation = Compiler.Link(tree, name, Previous(cancellationToken));
        Interlocked.Increment(ref _compilations);
        (submission, IReadOnlyList<ScriptDiagnostic> errors) = Compiler.Emit(compilation, usings, cancellationToken);
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

        ScriptResult result = new ScriptResult.Value(null, false);
        if (factory is not null)
        {
            result = _runner.Run(factory, _chain.Slots, submission.IsExpression, interrupt);
            _ran = _runner.Elapsed;
        }

        bool isUseful = result is ScriptResult.Value || _chain.LastLeftSomething();
        if (isUseful && _chain.Last is { } last)
        {
            _usings.Follow(last, submission.Usings);
        }

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

    private static string Duration(TimeSpan time) => time.TotalSeconds < 1 ? $"{time.TotalMilliseconds:0.0} ms" : $"{time.TotalSeconds:0.00} s";
}
