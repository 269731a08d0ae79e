
namespace Aperture.Host.Tests.Cli;

/// <summary>The REPL as a user meets it: at a terminal, with <c>--eval</c>, in a pipe.</summary>
[Trait("Category", "Process")]
public sealed class ReplCommandTests : IDisposable
{
    private const string Prompt = "\x1b[2C\x1b[?25h"; // The cursor behind an empty prompt.
    private readonly CommandFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Values_variables_and_unfinished_entries_at_the_prompt()
    {
        using TerminalProcess repl = await StartAsync();
        await repl.EnterAsync("var x = torch.ones(2, 3);", Prompt);
        await repl.EnterAsync("x", "Tensor [2, 3] float32 cpu, 24 B\r\n  min 1  max 1  mean 1  std 0\r\n  [1, 1, 1]\r\n  [1, 1, 1]\r\n");
        await repl.EnterAsync("if (true)\r{\rPrint($\"sum {x.sum().item<float>()}\");\r}", "sum 6\r\n");
        await repl.EnterAsync("new[] { new { A = 1, B = 2 } }", "1  2\r\n");
        await repl.EnterAsync("#vars", "x     Tensor  ");
        await repl.EnterAsync("throw new InvalidOperationException(\"broken\");", "InvalidOperationException: broken");
        await repl.EnterAsync("nothing", "error CS0103");
        await repl.EnterAsync("#error", "at Submission");
        await repl.EnterAsync("x.shape[1] * 7", "21\r\n");
        await LeaveAsync(repl);
    }

    [Fact]
    public async Task Completion_signature_and_colours_work_in_the_process()
    {
        using TerminalProcess repl = await StartAsync();
        await repl.EnterAsync("var names = new List<string> { \"a\" };", Prompt);
        await repl.TypeAsync("names.Cou");
        await repl.SeeAsync("property");
        await repl.TypeAsync("\t\r");
        await repl.SeeAsync("\r\n");
        await repl.SeeAsync("1\r\n");
        await repl.TypeAsync("Math.Max(1, ");
        await repl.SeeAsync("val2");
        Assert.Contains("\x1b[36mMath", repl.Written, StringComparison.Ordinal);
        await repl.TypeAsync("\x03");
        await repl.SeeAsync(Prompt);
        await repl.EnterAsync("exit", "\r\n");
        Assert.Equal(0, await repl.EndAsync());
    }

    [Fact]
    public async Task Ctrl_C_stops_the_run_and_keeps_the_state()
    {
        using TerminalProcess repl = await StartAsync();
        await repl.EnterAsync("int count = 0;", Prompt);
        await repl.TypeAsync("Print(\"go\" + \"ing\"); while (true) { count++; Cancellation.ThrowIfCancellationRequested(); }\r");
        await repl.SeeAsync("going\r\n");
        await repl.TypeAsync("\x03");
        await repl.SeeAsync("Cancelled.");
        await repl.SeeAsync(Prompt);
        await repl.EnterAsync("count > 0 ? \"kept\" + \"!\" : \"lost\"", "kept!\r\n");
        await repl.TypeAsync("Print(\"dea\" + \"f\"); while (true) { count--; }\r");
        await repl.SeeAsync("deaf\r\n");
        await repl.TypeAsync("\x03");
        await repl.SeeAsync("Stopping.");
        await repl.TypeAsync("\x03");
        await repl.SeeAsync("Cancelled.");
        await repl.EnterAsync("\"al\" + \"ive\"", "alive\r\n");
        await LeaveAsync(repl);
    }

    [Theory]
    [InlineData("await Task.Delay(1);")]
    [InlineData("await m.Ask(p, \"How many boots are there?\");")]
    public async Task A_loop_that_was_cancelled_counts_no_further(string awaited)
    {
        using TerminalProcess repl = await StartAsync();
        await repl.EnterAsync("int n = 0; var m = await Models.Load(\"tiny-llava\");", Prompt);
        await repl.EnterAsync($"var p = Images.Load(\"{Repository.Path("scripts", "shelf.png")}\");", Prompt);
        await repl.TypeAsync($"while (true) {{ {awaited} if (++n == 3) Print(\"go\" + \"ing\"); }}\r");
        await repl.SeeAsync("going\r\n");
        await repl.TypeAsync("\x03");
        await repl.SeeAsync("Cancelled.");
        await repl.SeeAsync(Prompt);
        await repl.EnterAsync("var then = n; await Task.Delay(1000); n == then ? \"still \" + \"there\" : \"gone \" + \"on\"", "still there\r\n");
        await LeaveAsync(repl);
    }

    [Fact]
    public async Task Leaving_and_resetting_under_questions_that_run_ends_without_a_signal()
    {
        using TerminalProcess repl = await StartAsync();
        string[] ask =
        [
            "var m = (await Models.Load(\"tiny-llava\")).With(\"fitprune\", new { Reduction = 0.6 });",
            $"var p = Images.Load(\"{Repository.Path("scripts", "shelf.png")}\");",
            "for (int i = 0; i < 4; i++) { _ = Task.Run(() => { while (true) { m.AskNow(p, \"What is in the top left?\", null, null, default); } }); }",
        ];
        foreach (string entry in ask.Concat(["#reset"]).Concat(ask))
        {
            await repl.EnterAsync(entry, Prompt);
        }

        await repl.TypeAsync("\x04");
        Assert.Equal(0, await repl.EndAsync());
        Assert.DoesNotContain("stays in memory", repl.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task History_is_there_in_the_next_session()
    {
        using (TerminalProcess first = await StartAsync())
        {
            await first.EnterAsync("6 * 7", "42\r\n");
            await LeaveAsync(first);
        }

        using TerminalProcess second = await StartAsync();
        await second.TypeAsync("\x1b[A");
        await second.SeeAsync("* 7");
        await second.EnterAsync("", "42\r\n");
        await LeaveAsync(second);
    }

    [Fact]
    public async Task Without_colours_nothing_is_coloured()
    {
        _folder.Environment["NO_COLOR"] = "1";
        using TerminalProcess repl = await StartAsync();
        await repl.EnterAsync("throw new InvalidOperationException(\"broken\"); // return", "InvalidOperationException: broken");
        await LeaveAsync(repl);
        Assert.DoesNotMatch(@"\x1b\[[0-9;]*m", repl.Written);
    }

    [Fact]
    public async Task Pictures_are_temporary_files_or_stand_among_the_text()
    {
        string temporary = Directory.CreateDirectory(Path.Combine(_folder.Folder, "temporary")).FullName;
        _folder.Environment["TMPDIR"] = temporary;
        using TerminalProcess repl = await StartAsync();
        await repl.EnterAsync("Image.FromRgb(new byte[12], 2, 2)", $"Image 2x2 RGB: {temporary}/aperture-pictures-");
        await LeaveAsync(repl);
        Assert.Empty(Directory.GetFiles(_folder.Folder, "*.png"));
        Assert.Single(Directory.GetFiles(temporary, "picture-1.png", SearchOption.AllDirectories));
        _folder.Environment["APERTURE_GRAPHICS"] = "kitty";
        using TerminalProcess inline = await StartAsync();
        await inline.EnterAsync("Image.FromRgb(new byte[12], 2, 2)", "\x1b_Gf=100,a=T,m=0;");
        await LeaveAsync(inline);
    }

    [Fact]
    public async Task The_prompt_stands_before_the_compiler_is_loaded()
    {
        // What the prompt costs is measured in processor time, because a busy machine stretches the clock: everything before the prompt against a whole
        // evaluation.
        using TerminalProcess repl = await StartAsync();
        TimeSpan prompt = repl.ProcessorTime();
        await repl.EnterAsync("1 + 1", "2\r\n");
        TimeSpan evaluated = repl.ProcessorTime();
        Assert.True(
            prompt < evaluated / 2,
            $"The prompt took {prompt.TotalMilliseconds} ms of processor time, prompt and first value {evaluated.TotalMilliseconds} ms.");
        await LeaveAsync(repl);
    }

    [Fact]
    public async Task Eval_shows_the_value_and_leaves()
    {
        Assert.Equal((0, "3\n", ""), await _folder.Run("repl", "--eval", "var x = 1;", "--eval", "x + 2"));
        (int code, string output, string error) = await _folder.Run("repl", "--eval", "1 +", "-e", "\"next\"");
        Assert.Equal((1, "next\n"), (code, output));
        Assert.Contains("error CS1733", error, StringComparison.Ordinal);
        Assert.Equal((0, "a,b\n", ""), await _folder.Run("repl", "--eval", "string.Join(\",\", Args)", "--", "a", "b"));
    }

    [Fact]
    public async Task A_pipe_is_run_as_one_text_or_entry_by_entry()
    {
        Assert.Equal((0, "6\n", ""), await Pipe("var x = 2;\nvar y = 3;\nx * y\n", "repl"));
        Assert.Equal(
            (1, "2\n2\n", "error: entry 2(1): InvalidOperationException: no\n"),
            await Pipe("1 +\n1\nthrow new InvalidOperationException(\"no\");\n1 + 1\n", "repl", "--stream"));
        Assert.Equal((0, "", ""), await Pipe("", "repl"));
        Assert.Equal(7, (await Pipe("return 7;", "repl")).Code);
    }

    [Fact]
    public async Task A_method_written_at_the_prompt_is_asked_compared_and_drawn()
    {
        string[] entries =
        [
            $"var m = await Models.Load(\"tiny-llava\"); var p = Images.Load(\"{Repository.Path("scripts", "shelf.png")}\");",
            """
            class Middle(int rows) : ITokenReducer
            {
                public string Name => "middle";
                public void Declare(IReducerSites sites) => sites.BeforeDecoder((_, t) => t.Keep([.. Enumerable.Range(36, rows)]));
                public void Dispose() { }
            }
            """,
            "var own = m.With(new Middle(72)); var odd = m.With(\"odd\", (VisualTokens t) => t.Keep([.. Enumerable.Range(0, t.Places.Length).Where(i => i % "
            + "2 == 1)]));",
            "var a = await own.Ask(p, \"How many boots are there?\"); Print($\"{a.VisualTokens} {a.TokenMap.Kept[0].Count}\");",
            "Print(string.Join(\",\", Compare(p, \"How many boots are there?\", own, odd).Rows.Select(r => $\"{r.Label}:{r.VisualTokens}\").Where(r => "
            + "!r.StartsWith(\"none\"))));",
        ];

        (int code, string output, string error) = await Pipe(string.Join('\n', entries) + "\n", "repl", "--stream");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("72 72\n", output, StringComparison.Ordinal);
        Assert.Contains("random(Tokens=72):72,pooling(Tokens=72):72,downsample(Tokens=81):81,middle:72,odd:72\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_script_can_be_loaded_first()
    {
        _folder.Write("tools.csx", "int Twice(int x) => 2 * x;");
        Assert.Equal((0, "8\n", ""), await _folder.Run("repl", "--load", "tools.csx", "--eval", "Twice(4)"));
        (int code, _, string error) = await _folder.Run("repl", "--load", "missing.csx", "--eval", "1");
        Assert.Equal(1, code);
        Assert.Contains("There is no script 'missing.csx'", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_thousand_entries_with_the_same_variables_grow_by_less_than_10_MB()
    {
        // What the runtime compiles anew because it ran often is no growth either: 13 to 31 MB of the runtime's, 3 MB of the entries'.
        _folder.Environment["DOTNET_TieredCompilation"] = "0";
        string[] entries =
        [
            "var x = {0};",
            "var list = Enumerable.Range(0, 10).Select(v => v * x).ToList();",
            "using (torch.NewDisposeScope()) {{ x += (int)(torch.ones(64, 64) * 2).sum().item<float>(); }}",
            "foreach (int v in list) {{ x += v; }}",
            "x + list.Count",
        ];
        // Aggressive: free memory that the collector keeps for later is no growth.
        const string Collect = "GC.Collect(2, GCCollectionMode.Aggressive, true, true);";
        const string Memory
            = $"{Collect} GC.WaitForPendingFinalizers(); {Collect} Print(\"RSS\" + File.ReadLines(\"/proc/self/status\").First(l => "
                + "l.StartsWith(\"VmRSS\")).Split()[^2]);";
        IEnumerable<string> input = Enumerable.Range(0, 1000)
            .Select(i => string.Format(System.Globalization.CultureInfo.InvariantCulture, entries[i % entries.Length], i))
            .SelectMany((entry, i) => i is 99 or 999 ? new[] { entry, Memory } : [entry]);

        (int code, string output, string error) = await Pipe(string.Join('\n', input) + "\n", "repl", "--stream");

        Assert.Equal((0, ""), (code, error));
        int[] kilobytes =
        [
            .. output.Split('\n').Where(l => l.StartsWith("RSS", StringComparison.Ordinal)).Select(
                l => int.Parse(l[3..], System.Globalization.CultureInfo.InvariantCulture)),
        ];
        Assert.Equal(200, output.Split('\n').Count(l => l.Length > 0) - 2);
        Assert.True(kilobytes[1] - kilobytes[0] < 10 * 1024, $"From entry 100 to entry 1000 the process grew from {kilobytes[0]} to {kilobytes[1]} kB.");
    }

    private async Task<(int Code, string Output, string Error)> Pipe(string input, params string[] arguments)
    {
        using ApertureProcess process = _folder.Start(arguments);
        await process.InputAsync(input);
        return await process.EndAsync(TimeSpan.FromMinutes(20));
    }

    private static async Task LeaveAsync(TerminalProcess repl)
    {
        await repl.SeeAsync(Prompt);
        await repl.TypeAsync("\x04");
        Assert.Equal(0, await repl.EndAsync());
    }

    private async Task<TerminalProcess> StartAsync()
    {
        TerminalProcess repl = new(_folder.Folder, _folder.Environment, "repl");
        await repl.SeeAsync(Prompt);
        return repl;
    }
}
