using System.Runtime.InteropServices;
using Aperture.Pipelines;

namespace Aperture.Natives;

/// <summary>
/// Loads libtorch from where the user wants it, and says in one line why it does not load. TorchSharp by itself looks beside the application only and
/// explains nothing.
/// </summary>
public static partial class TorchNatives
{
    /// <summary>Names a folder with another libtorch (a CUDA build, a Python package's <c>torch/lib</c>).</summary>
    public const string Variable = "APERTURE_LIBTORCH";

    private static readonly string _bridge = Library("LibTorchSharp");
    private static readonly string[] _required = [Library("c10"), Library("torch_cpu"), Library("torch")];
    private static readonly string[] _cuda = [Library("c10_cuda"), Library("torch_cuda")];

    private const string WaitPolicy = "OMP_WAIT_POLICY", LogLevel = "TORCH_CPP_LOG_LEVEL", LogFlag = "FLAGS_caffe2_log_level";
    private const int Errors = 2;

    /// <summary>
    /// Loads the libtorch that <c>APERTURE_LIBTORCH</c> names, if it is set. libtorch's idle threads sleep from then on, its large tensors have
    /// huge pages, and its log tells errors alone. Must run before anything touches TorchSharp, whose bridge then binds to what is loaded.
    /// </summary>
    /// <exception cref="ApertureException">The folder is not a libtorch, cannot be loaded, or would be a second copy.</exception>
    public static void Preload()
    {
        LetIdleThreadsSleep();
        TensorPages.Prepare();
        string? folder = Environment.GetEnvironmentVariable(Variable);
        Preload(folder, AppContext.BaseDirectory);
        LogErrorsAlone(string.IsNullOrEmpty(folder) ? AppContext.BaseDirectory : folder);
    }

    // By default libtorch's OpenMP threads spin for milliseconds after each operation, on the very cores that the managed kernels need next.
    private static void LetIdleThreadsSleep()
    {
        if (OperatingSystem.IsLinux())
        {
            NativeEnvironment.Default(WaitPolicy, "passive");
        }
    }

    /// <summary>
    /// Loads libtorch and TorchSharp's bridge now, so that a failure is this method's and not the first operation's.
    /// </summary>
    /// <exception cref="ApertureException">One of the libraries cannot be loaded.</exception>
    public static void Load()
    {
        // Elsewhere the bridge lies where NuGet puts it, and TorchSharp finds it there.
        bool isBeside = OperatingSystem.IsLinux() && Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 };
        if (isBeside && Explain(AppContext.BaseDirectory) is { } failure)
        {
            throw failure;
        }
    }

    // On some processors each small convolution warns that a library cannot start without which libtorch does as well. The variable alone changes nothing in
    // libtorch, which asks its host to read it; who sets it wants to hear what there is.
    private static void LogErrorsAlone(string folder)
    {
        string core = Path.Combine(folder, _required[0]);
        bool wanted = Environment.GetEnvironmentVariable(LogLevel) is null && File.Exists(core);
        if (wanted && NativeLibrary.TryLoad(core, out nint library) && NativeLibrary.TryGetExport(library, LogFlag, out nint flag))
        {
            Marshal.WriteInt32(flag, Errors);
        }
    }

    /// <summary>The reason behind an exception that TorchSharp threw because its libraries do not load; null for any other exception.</summary>
    public static ApertureException? Explain(Exception exception)
    {
        for (Exception? e = exception; e is not null; e = e.InnerException)
        {
            bool isTorch = e is TypeInitializationException { TypeName: { } type } && type.StartsWith("TorchSharp", StringComparison.Ordinal);
            bool isBridge = e is DllNotFoundException or NotSupportedException && e.Message.Contains("TorchSharp", StringComparison.Ordinal);
            if (isTorch || isBridge)
            {
                return Explain(AppContext.BaseDirectory);
            }
        }

        return null;
    }

    internal static void Preload(string? folder, string applicationFolder)
    {
        if (string.IsNullOrEmpty(folder))
        {
            return;
        }

        if (!Directory.Exists(folder))
        {
            throw new ApertureException($"{Variable} names '{folder}', which is not a folder.");
        }

        string full = Path.GetFullPath(folder);
        if (_required.FirstOrDefault(name => !File.Exists(Path.Combine(full, name))) is { } missing)
        {
            throw new ApertureException($"{Variable} names '{folder}', which has no {missing}; name the folder that holds {_required[1]}.");
        }

        if (Path.TrimEndingDirectorySeparator(full) == Path.TrimEndingDirectorySeparator(applicationFolder))
        {
            return;
        }

        if (File.Exists(Path.Combine(applicationFolder, _required[1])))
        {
            throw new ApertureException(
                $"{Variable} names '{folder}', but this build carries its own libtorch in {applicationFolder}, and two copies end the process; unset it, or "
                + "build with -p:TorchBackend=none.");
        }

        IEnumerable<string> cuda = _cuda.Where(name => File.Exists(Path.Combine(full, name)));
        ApertureException? failure = _required.Concat(cuda).Select(name => TryLoad(Path.Combine(full, name))).FirstOrDefault(f => f is not null)
            ?? TryLoad(Path.Combine(applicationFolder, _bridge));
        if (failure is not null)
        {
            throw failure;
        }
    }

    private static string Library(string name)
        => OperatingSystem.IsWindows() ? $"{name}.dll" : OperatingSystem.IsMacOS() ? $"lib{name}.dylib" : $"lib{name}.so";

    private static ApertureException? Explain(string folder) => _required
        .Where(name => File.Exists(Path.Combine(folder, name)))
        .Append(_bridge)
        .Select(name => TryLoad(Path.Combine(folder, name)))
        .FirstOrDefault(failure => failure is not null);

    private static ApertureException? TryLoad(string path)
    {
        string mend = $"rebuild with 'dotnet build', or set {Variable} to a folder with libtorch 2.10";
        if (!File.Exists(path))
        {
            return new ApertureException($"{Path.GetFileName(path)} is missing in {Path.GetDirectoryName(path)}; {mend}.");
        }

        try
        {
            NativeLibrary.Load(path);
            return null;
        }
        catch (Exception e) when (e is DllNotFoundException or BadImageFormatException)
        {
            string reason = LoaderReason.Of(path)
                ?? e.Message.Split('\n').Select(line => line.Trim()).LastOrDefault(line => line.Contains(path, StringComparison.Ordinal)) ?? e.Message;
            return new ApertureException($"{Path.GetFileName(path)} cannot be loaded ({reason.ReplaceLineEndings(" ").TrimEnd('.')}); {mend}.", e);
        }
    }
}
