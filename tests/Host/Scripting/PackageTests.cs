using System.Net;
using System.Net.Sockets;
using Aperture.Host.Tests.Cli;
using Aperture.Scripting;
using Aperture.Scripting.Tests.Sessions;

namespace Aperture.Host.Tests.Scripting;

/// <summary><c>#r "nuget: …"</c>, restored by the SDK from a folder of packages made here; the last test takes one from the machine's own source.</summary>
[Trait("Category", "Process")]
public sealed class PackageTests : IDisposable
{
    private const string Base = "namespace Sample; public static class Base { public static int Number => 40; }";
    private const string Top = """
        using System.Runtime.InteropServices;
        namespace Sample;
        public static class Top
        {
            /// <summary>What is asked for.</summary>
            public static int Answer() => Base.Number + 2;
            [DllImport("sample-native")] private static extern int SystemNative_GetPid();
            public static int Process() => SystemNative_GetPid();
        }
        """;

    private readonly ScriptFixture _script = new();

    public void Dispose() => _script.Dispose();

    [Fact]
    public async Task A_package_brings_what_it_depends_on_and_its_native_library_and_is_restored_once()
    {
        PackageFeed feed = new PackageFeed(_script.Folder).Add("Sample.Base", "1.0.0", Base)
            .Add("Sample.Top", "1.0.0", Top, dependency: "Sample.Base", native: "libsample-native.so");
        _script.Write("part.csx", "#r \"nuget: Sample.Top, 1.0.0\"\nint Both() => Sample.Top.Answer() + Sample.Base.Number;");
        _script.Write("a.csx", "#load \"part.csx\"\n(Both(), Sample.Top.Process() == Environment.ProcessId)");

        Assert.Equal(new ScriptResult.Value((82, true), true), await _script.RunFile("a.csx"));
        Assert.Contains("restoring Sample.Top 1.0.0: 1 of 1", _script.Output.ToString());
        Assert.Equal(42, await _script.Value("Sample.Top.Answer()"));
        using (SessionIntelligence intelligence = new(_script.Session))
        {
            Assert.Contains((await intelligence.CompleteAsync("Sample.Top.An", 13)).Items, item => item.Text == "Answer");
        }

        feed.Delete();
        string restored = _script.Output.ToString();
        _script.Restart();
        Assert.Equal(new ScriptResult.Value((82, true), true), await _script.RunFile("a.csx"));
        Assert.Equal(0, _script.Session.Compilations);
        Assert.Equal(80, await _script.Value("2 * Sample.Base.Number"));
        Assert.Equal(restored, _script.Output.ToString());

        Directory.Delete(Path.Combine(_script.Folder, "packages"), recursive: true); // What was found is gone, and there is no source.
        _script.Restart();
        Assert.StartsWith("cell(1,1): error NU1", Message(await _script.Run("#r \"nuget: Sample.Top, 1.0.0\"")));
    }

    [Fact]
    public async Task Without_a_version_the_newest_stable_one_is_taken_and_a_session_has_one_of_each()
    {
        new PackageFeed(_script.Folder).Add("Sample.Base", "1.0.0", Base).Add("Sample.Base", "2.0.0", Base.Replace("40", "50", StringComparison.Ordinal))
            .Add("Sample.Base", "3.0.0-beta", Base.Replace("40", "60", StringComparison.Ordinal));
        Assert.Equal(50, await _script.Value("#r \"nuget:Sample.Base\"\nSample.Base.Number"));
        Assert.Equal(50, await _script.Value("#r \"nuget:Sample.Base\"\nSample.Base.Number"));
        Assert.Equal(
            "cell(1,1): error NUGET: Sample.Base was asked for before, and Sample.Base 1.0.0 cannot be used beside it; "
            + "ask for them together in a new session (#reset).",
            Message(await _script.Run("#r \"nuget: Sample.Base, 1.0.0\"")));
        Assert.Equal(50, await _script.Value("Sample.Base.Number"));
    }

    [Fact]
    public async Task What_cannot_be_had_or_cannot_live_here_is_refused_in_one_line()
    {
        new PackageFeed(_script.Folder).Add("Sample.Base", "1.0.0", Base).Add("Sample.Base", "2.0.0", Base)
            .Add("TorchSharp", "1.0.0", "public class Torch { }").Add("Sample.Learns", "1.0.0", null, dependency: "TorchSharp")
            .Add("Sample.Native", "1.0.0", null, native: "libtorch_cpu.so")
            .Add("Sample.Console", "1.0.0", "[assembly: System.Reflection.AssemblyVersion(\"99.0\")]", assembly: "Spectre.Console");
        const string Torch = "brings a libtorch or TorchSharp of its own, and a second one ends the process; leave it out.";
        (string Reference, string Message)[] refused =
        [
            ("Sample.None, 1.0.0", "NU1101: There is no package 'Sample.None' in local."),
            ("Sample.Base, 9.0", "NU1102: There is no version 9.0.0 of package 'Sample.Base'; the nearest is 2.0.0."),
            ("Sample.Base, 1.5", "NU1603: There is no version 1.5 of package 'Sample.Base'; the nearest is 2.0.0."),
            ("TorchSharp, 1.0.0", "NUGET: TorchSharp is part of the program, and a second libtorch ends the process: use TorchSharp without #r."),
            ("Sample.Learns, 1.0.0", $"NUGET: Sample.Learns 1.0.0: TorchSharp 1.0.0 {Torch}"),
            ("Sample.Native, 1.0.0", $"NUGET: Sample.Native 1.0.0: Sample.Native 1.0.0 {Torch}"),
            ("a b", "NUGET: 'nuget: a b' names no package: write #r \"nuget: Package, 1.2.3\", or #r \"nuget: Package\" for the newest."),
        ];
        foreach ((string reference, string message) in refused)
        {
            Assert.Equal("cell(2,1): error " + message, Message(await _script.Run($"// first\n#r \"nuget: {reference}\"")));
        }

        string newer = Message(await _script.Run("#r \"nuget: Sample.Console, 1.0.0\""));
        Assert.StartsWith("cell(1,1): error NUGET: Sample.Console 1.0.0 needs a newer Spectre.Console (", newer);
        Assert.EndsWith("ask for an older version.", newer);
    }

    [Fact]
    public async Task Waiting_for_a_source_can_be_interrupted_and_a_dead_one_is_one_line()
    {
        using TcpListener silent = new(IPAddress.Loopback, 0);
        silent.Start();
        string source = $"http://127.0.0.1:{((IPEndPoint)silent.LocalEndpoint).Port}/v3/index.json";
        _ = new PackageFeed(_script.Folder, source);
        using ScriptInterrupt interrupt = new();
        Task<ScriptResult> run = _script.Session.RunAsync(ScriptSource.FromText("#r \"nuget: Sample.Base, 1.0.0\""), interrupt);
        using (Socket asked = await silent.AcceptSocketAsync())
        {
            interrupt.Press();
            Assert.IsType<ScriptResult.Cancelled>(await run.WaitAsync(TimeSpan.FromSeconds(60)));
        }

        silent.Stop();
        Assert.Equal(
            $"cell(1,1): error NU1301: The package source {source} cannot be reached, which Sample.Base 1.0.0 needs; "
            + "what was restored before works without it.",
            Message(await _script.Run("#r \"nuget: Sample.Base, 1.0.0\"")));
    }

    // Humanizer asks for cultures by name, which the program has none of.
    [Fact]
    public async Task The_command_takes_packages_from_the_source_of_the_machine()
    {
        using CommandFolder f = new CommandFolder().Write("a.csx", "#r \"nuget: Humanizer.Core, 2.14.1\"\nusing Humanizer;\n$\"{3.ToWords()} boots\"");
        Assert.Equal((0, "three boots\n", ""), await f.Run("run", "a.csx"));
    }

    // Cells as a notebook's user writes them: the package in the first one, its use in the next.
    [Fact]
    public async Task A_notebook_takes_packages_too()
    {
        using CommandFolder f = new CommandFolder().Write(
            "a.ipynb",
            """
            { "nbformat": 4, "nbformat_minor": 5, "metadata": { "kernelspec": { "name": "aperture", "display_name": "Aperture (C#)" } }, "cells": [
              { "cell_type": "code", "id": "a", "execution_count": null, "metadata": {}, "outputs": [],
                "source": ["#r \"nuget: Humanizer.Core, 2.14.1\"\n", "using Humanizer;"] },
              { "cell_type": "code", "id": "b", "execution_count": null, "metadata": {}, "outputs": [], "source": ["\"a_small_shelf\".Humanize()"] }] }
            """);

        (int code, _, string error) = await f.Run("notebook", "run", "a.ipynb");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("\"a small shelf\"", File.ReadAllText(Path.Combine(f.Folder, "a.ipynb")), StringComparison.Ordinal);
    }

    private static string Message(ScriptResult result) => Assert.IsType<ScriptResult.CompileError>(result).ToString();
}
