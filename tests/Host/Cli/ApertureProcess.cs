using System.Diagnostics;

namespace Aperture.Host.Tests.Cli;

/// <summary>The built command, run as a user runs it.</summary>
internal sealed class ApertureProcess : IDisposable
{
    private readonly Dictionary<string, TaskCompletionSource> _lines = [];
    private readonly Process _process;
    private readonly Task<string> _output;
    private readonly Task<string> _error;

    public ApertureProcess(string folder, IReadOnlyDictionary<string, string> environment, string application, params string[] arguments)
    {
        string command = Path.Combine(application, "aperture.dll");
        ProcessStartInfo start = new(DotnetPath(), [command, .. arguments])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder,
        };
        start.Environment["XDG_CACHE_HOME"] = Path.Combine(folder, "cache");
        start.Environment["TERM"] = "xterm-256color";
        start.Environment.Remove("COLUMNS");
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _output = ReadAsync(_process.StandardOutput);
        _error = _process.StandardError.ReadToEndAsync();
    }

    public async Task<(int Code, string Output, string Error)> EndAsync(TimeSpan? limit = null)
    {
        using CancellationTokenSource cancellation = new(limit ?? TimeSpan.FromSeconds(120));
        await _process.WaitForExitAsync(cancellation.Token);
        return (_process.ExitCode, await _output, await _error);
    }

    /// <summary>Ends when a line of standard output has come, before or after the call.</summary>
    public Task LineAsync(string line) => Seen(line).Task.WaitAsync(TimeSpan.FromSeconds(120));

    /// <summary>Gives the whole of standard input.</summary>
    public async Task InputAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        _process.StandardInput.Close();
    }

    public void Interrupt() => Process.Start("kill", ["-INT", _process.Id.ToString()]).WaitForExit();

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private async Task<string> ReadAsync(StreamReader reader)
    {
        System.Text.StringBuilder text = new();
        while (await reader.ReadLineAsync() is { } line)
        {
            text.Append(line).Append('\n');
            Seen(line).TrySetResult();
        }

        return text.ToString();
    }

    private TaskCompletionSource Seen(string line)
    {
        lock (_lines)
        {
            if (!_lines.TryGetValue(line, out TaskCompletionSource? seen))
            {
                seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _lines[line] = seen;
            }

            return seen;
        }
    }

    // The tests themselves run under the same dotnet, except when their host is an executable of its own.
    private static string DotnetPath() => Path.GetFileNameWithoutExtension(Environment.ProcessPath) == "dotnet" ? Environment.ProcessPath! : "dotnet";
}
