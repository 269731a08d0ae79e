using System.Diagnostics;
using System.Text.Json.Nodes;
using Aperture.Host.Tests.Cli;
using Xunit.Abstractions;

namespace Aperture.Host.Tests.Jupyter;

/// <summary>The installed kernel under Jupyter's own programs, as Debian packages them: jupyter-nbconvert and python3-jupyter-kernel-test.</summary>
[Trait("Category", "Process")]
public sealed class JupyterClientTests(ITestOutputHelper log) : IDisposable
{
    private const string Python = "/usr/bin/python3"; // Debian's own: the packages belong to it.
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [SkippableFact]
    public async Task The_kernel_passes_jupyter_kernel_test()
    {
        SkipWithout("jupyter_kernel_test");
        await Install();
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Jupyter", "kernel_tests.py"), Path.Combine(_folder.Folder, "kernel_tests.py"));
        (int code, string output) = await Run(Python, "kernel_tests.py", "-v");
        Assert.True(code == 0, output);
        Assert.EndsWith("OK (skipped=1)\n", output); // The pager, which the kernel does not use.
    }

    [SkippableFact]
    public async Task Nbconvert_executes_a_notebook()
    {
        SkipWithout("nbconvert");
        await Install();
        _folder.Write("in.ipynb", """
            {"cells": [
              {"cell_type": "code", "execution_count": null, "id": "a", "metadata": {}, "outputs": [], "source": ["var x = 20;\n", "Print(\"printed\");"]},
              {"cell_type": "code", "execution_count": null, "id": "b", "metadata": {}, "outputs": [], "source": ["var p = Progress(\"steps\", 2); p.Report(2); await Task.Delay(1); x + 1"]},
              {"cell_type": "code", "execution_count": null, "id": "c", "metadata": {"tags": ["raises-exception"]}, "outputs": [], "source": ["throw new ApertureException(\"on purpose\");"]},
              {"cell_type": "code", "execution_count": null, "id": "d", "metadata": {}, "outputs": [], "source": ["Show(Image.FromRgb(new byte[3], 1, 1)); x"]}
            ], "metadata": {"kernelspec": {"display_name": "C#", "language": "C#", "name": "aperture"}}, "nbformat": 4, "nbformat_minor": 5}
            """);
        (int code, string output) = await Run(Python, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", "out.ipynb", "in.ipynb");
        Assert.True(code == 0, output);
        JsonArray cells = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.Folder, "out.ipynb")))!["cells"]!.AsArray();
        Assert.Equal("printed\n", (string?)cells[0]!["outputs"]![0]!["text"]![0]);
        Assert.StartsWith("steps: 2 of 2", (string?)cells[1]!["outputs"]![0]!["data"]!["text/plain"]![0]);
        Assert.Equal("21", (string?)cells[1]!["outputs"]![1]!["data"]!["text/plain"]![0]);
        Assert.Equal("on purpose", (string?)cells[2]!["outputs"]![0]!["evalue"]);
        Assert.StartsWith("iVBOR", (string?)cells[3]!["outputs"]![0]!["data"]!["image/png"]);
    }

    [Fact]
    public async Task Install_writes_a_kernelspec_that_starts_this_program()
    {
        (int code, string output, string error) = await _folder.Run(
            "jupyter", "install", "--prefix", "env", "--name", "mine", "--threads", "1", "--device", "cpu");
        Assert.Equal((0, $"{_folder.Folder}/env/share/jupyter/kernels/mine\n", ""), (code, output, error));
        JsonNode spec = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder.Folder, "env/share/jupyter/kernels/mine/kernel.json")))!;
        string[] argv = [.. spec["argv"]!.AsArray().Select(a => (string)a!)];
        Assert.True(File.Exists(argv[0]));
        Assert.Equal(["jupyter", "kernel", "--threads", "1", "--device", "cpu", "{connection_file}"], argv[^7..]);
        Assert.Equal("message", (string?)spec["interrupt_mode"]);
        Assert.StartsWith("error: The kernel's name '../x'", (await _folder.Run("jupyter", "install", "--name", "../x")).Error);
    }

    [Theory]
    [InlineData("{}", "needs 'shell_port'")]
    [InlineData("[", "is not valid JSON")]
    [InlineData("""{"transport": "ipc"}""", "only tcp is supported")]
    [InlineData("""{"key": "k", "signature_scheme": "hmac-md5"}""", "only hmac-sha256 is supported")]
    [InlineData("""{"ip": "nowhere"}""", "give an IP address")]
    [InlineData("""{"shell_port": 70000}""", "needs 'shell_port'")]
    public async Task A_wrong_connection_file_is_one_clear_line(string text, string reason)
    {
        (int code, _, string error) = await _folder.Write("c.json", text).Run("jupyter", "kernel", "c.json");
        Assert.Equal(1, code);
        Assert.Contains(reason, error);
    }

    private async Task Install()
    {
        (int code, _, string error) = await _folder.Run("jupyter", "install", "--prefix", "env", "--threads", "1");
        Assert.Equal((0, ""), (code, error));
    }

    private static void SkipWithout(string module)
    {
        using Process? probe = File.Exists(Python)
            ? Process.Start(new ProcessStartInfo(Python, ["-c", "import " + module]) { RedirectStandardError = true })
            : null;
        probe?.WaitForExit();
        Skip.If(probe is not { ExitCode: 0 }, $"Debian's Python has no module {module}: install jupyter-nbconvert and python3-jupyter-kernel-test.");
    }

    private async Task<(int Code, string Output)> Run(string program, params string[] arguments)
    {
        ProcessStartInfo start = new(program, arguments) { WorkingDirectory = _folder.Folder, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["JUPYTER_PATH"] = Path.Combine(_folder.Folder, "env", "share", "jupyter");
        start.Environment["JUPYTER_RUNTIME_DIR"] = Path.Combine(_folder.Folder, "runtime");
        start.Environment["JUPYTER_CONFIG_DIR"] = Path.Combine(_folder.Folder, "config");
        start.Environment["XDG_CACHE_HOME"] = Path.Combine(_folder.Folder, "cache");
        start.Environment.Remove("PYTHONPATH");
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        using CancellationTokenSource limit = new(TimeSpan.FromMinutes(5));
        await process.WaitForExitAsync(limit.Token);
        string text = await output + await error;
        log.WriteLine(text);
        return (process.ExitCode, text);
    }
}
