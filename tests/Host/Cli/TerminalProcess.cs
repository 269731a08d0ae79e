using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Aperture.Host.Tests.Cli;

/// <summary>
/// The built command at a real terminal: a pseudo-terminal that <c>script</c> (util-linux) opens. Everything it writes is kept; what the test types goes
/// through the terminal's driver, Ctrl+C included.
/// </summary>
internal sealed partial class TerminalProcess : IDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _output = new();
    private readonly Task _reading;
    private int _mark;

    public TerminalProcess(string folder, IReadOnlyDictionary<string, string> environment, params string[] arguments)
    {
        string command = $"stty rows 30 cols 100; exec dotnet '{Path.Combine(AppContext.BaseDirectory, "aperture.dll")}' {string.Join(' ', arguments)}";
        ProcessStartInfo start = new("script", ["-qfec", command, "/dev/null"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            WorkingDirectory = folder,
            StandardOutputEncoding = Encoding.UTF8,
        };
        foreach ((string name, string? value) in new Dictionary<string, string?>
        {
            ["TERM"] = "xterm-256color",
            ["XDG_CACHE_HOME"] = Path.Combine(folder, "cache"),
            ["XDG_STATE_HOME"] = Path.Combine(folder, "state"),
            ["SHELL"] = "/bin/sh",
            ["NO_COLOR"] = null,
            ["COLUMNS"] = null,
            ["TMUX"] = null,
            ["APERTURE_GRAPHICS"] = "none",
        }.Concat(environment.Select(pair => KeyValuePair.Create(pair.Key, (string?)pair.Value))))
        {
            start.Environment[name] = value;
        }

        _process = Process.Start(start)!;
        _reading = Task.Run(ReadAsync);
    }

    /// <summary>What has been written, escape sequences included.</summary>
    public string Written
    {
        get
        {
            lock (_output)
            {
                return _output.ToString();
            }
        }
    }

    /// <summary>The same without escape sequences.</summary>
    public string Text => Sequence().Replace(Written, "");

    public async Task TypeAsync(string text)
    {
        await _process.StandardInput.WriteAsync(text);
        await _process.StandardInput.FlushAsync();
    }

    /// <summary>Waits until a text has been written after the one waited for before.</summary>
    public async Task SeeAsync(string text)
    {
        DateTime limit = DateTime.UtcNow.AddSeconds(180);
        int found;
        while ((found = Written.IndexOf(text, _mark, StringComparison.Ordinal)) < 0)
        {
            Assert.True(DateTime.UtcNow < limit && !_process.HasExited, $"The terminal never showed '{text}' but:\n{Written[_mark..]}");
            await Task.Delay(10);
        }

        _mark = found + text.Length;
    }

    /// <summary>Types a line and waits for what it shows. (The prompt itself shows the line as it is typed: give a text that only the result has.)</summary>
    public async Task EnterAsync(string line, string shows)
    {
        await TypeAsync(line + "\r");
        await SeeAsync(shows);
    }

    /// <summary>Processor time of the command so far. (<c>script</c> starts a shell, which becomes the command.)</summary>
    public TimeSpan ProcessorTime()
    {
        string children = File.ReadAllText($"/proc/{_process.Id}/task/{_process.Id}/children");
        using Process command = Process.GetProcessById(int.Parse(children.Split(' ')[0]));
        return command.TotalProcessorTime;
    }

    public async Task<int> EndAsync()
    {
        using CancellationTokenSource limit = new(TimeSpan.FromSeconds(120));
        await _process.WaitForExitAsync(limit.Token);
        await _reading;
        return _process.ExitCode;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
        }

        _process.Dispose();
    }

    private async Task ReadAsync()
    {
        char[] buffer = new char[4096];
        int count;
        while ((count = await _process.StandardOutput.ReadAsync(buffer)) > 0)
        {
            lock (_output)
            {
                _output.Append(buffer, 0, count);
            }
        }
    }

    [GeneratedRegex(@"\x1b\[[0-9;?>]*[A-Za-z]")]
    private static partial Regex Sequence();
}
