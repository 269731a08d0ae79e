using Aperture.Host.Tests.Cli;

namespace Aperture.Host.Tests;

/// <summary>Surroundings that are not as one expects: no home folder, a thread of the script's own that throws, a full disk.</summary>
[Trait("Category", "Process")]
public sealed class EnvironmentTests
{
    [Fact]
    public async Task Without_a_home_folder_nothing_is_kept_and_nothing_of_the_working_folder_is_run()
    {
        using CommandFolder folder = new();
        string[] variables = ["XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "HF_HOME", "HF_HUB_CACHE", "JUPYTER_DATA_DIR"];
        foreach (string variable in variables)
        {
            folder.Environment[variable] = "";
        }

        folder.Environment["HOME"] = "/nonexistent";
        folder.Write("hello.csx", "Print($\"hello {1.5}\");");
        Directory.CreateDirectory(Path.Combine(folder.Folder, ".config", "aperture", "plugins", "Mine"));
        folder.Write(".config/aperture/plugins/Mine/Mine.dll", "no assembly; whoever looks here says so");

        (int code, string output, string error) = await folder.Run("run", "hello.csx");
        (_, string plugins, string told) = await folder.Run("plugins", "list");
        (int refused, _, string reason) = await folder.Run("jupyter", "install");

        Assert.Equal((0, "hello 1.5\n", ""), (code, output, error));
        Assert.DoesNotContain("Mine", plugins + told);
        Assert.Equal(1, refused);
        Assert.Equal("error: There is no home folder to register the kernel in; set HOME, or give an installation of Jupyter with --prefix.\n", reason);
        Assert.Equal([".config", "hello.csx"], Directory.GetFileSystemEntries(folder.Folder).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task A_thread_of_the_scripts_own_that_throws_is_told_and_the_script_goes_on()
    {
        using CommandFolder folder = new();
        folder.Write(
            "threads.csx",
            "var t = new System.Threading.Thread(() => throw new Exception(\"of a\\u001bthread\")); t.Start(); t.Join(); Print(\"after\");");

        (int code, string output, string error) = await folder.Run("run", "threads.csx");
        (int piped, string shown, string told) = await folder.Run(
            "repl", "--history", "none", "--eval", "var kept = 41; var t = new System.Threading.Thread(() => throw new Exception(\"x\")); t.Start(); t.Join();",
            "--eval", "kept + 1");

        Assert.Equal((1, "after\n", "error: in the background: Exception: of a\uFFFDthread\n"), (code, output, error));
        Assert.Equal((1, "42\n", "error: in the background: Exception: x\n"), (piped, shown, told));
    }

    [Fact]
    public async Task An_exception_of_a_notebook_commands_no_terminal_and_other_languages_are_named()
    {
        using CommandFolder folder = new();
        folder.Write(
            "n.ipynb",
            """
            {"cells": [{"cell_type": "code", "metadata": {}, "source": "#!pwsh\nGet-Date"},
            {"cell_type": "code", "metadata": {}, "source": "throw new Exception(\"a\\u001b[31mb\");"}], "metadata": {}, "nbformat": 4}
            """);

        (int code, _, string error) = await folder.Run("notebook", "run", "n.ipynb");

        Assert.Equal(1, code);
        Assert.Equal(
            $"warning: only C# was run; left out: code cell 1 (pwsh)\nerror: {folder.Folder}/n.ipynb, cell 1: Exception: a\uFFFD[31mb\n", error);
    }
}
