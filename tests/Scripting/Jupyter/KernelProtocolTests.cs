using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Hub;
using Aperture.Jupyter;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using NetMQ;

namespace Aperture.Scripting.Tests.Jupyter;

public class KernelProtocolTests
{
    [Fact]
    public void A_cell_publishes_its_outputs_in_order_between_busy_and_idle()
    {
        using KernelFixture f = new();
        (JsonElement reply, List<Received> published) = f.Run("Print(\"one\"); Error.Write(\"two\"); Show(new[] { 3 }); Print(4); \"five\"");
        Assert.Equal(
            [
                "status busy", "execute_input", "stream stdout one\n", "stream stderr two", "display_data [3]", "stream stdout 4\n", "execute_result five",
                "status idle",
            ],
            published.Select(Brief));
        Assert.Equal("ok", reply.GetProperty("status").GetString());
        Assert.Equal(1, reply.GetProperty("execution_count").GetInt32());
        Assert.Equal(2, f.Run("1").Reply.GetProperty("execution_count").GetInt32());
    }

    [Fact]
    public void A_failing_cell_shows_its_line_and_the_session_goes_on()
    {
        using KernelFixture f = new();
        f.Run(
            "var kept = 5;\n[System.Runtime.CompilerServices.MethodImpl(System.Runtime.CompilerServices.MethodImplOptions.NoInlining)] int Parse(string "
            + "text)\n{\n    return int.Parse(text);\n}");
        (JsonElement reply, List<Received> published) = f.Run("\nParse(\"no\")");
        JsonElement error = Assert.Single(published, m => m.Type == "error").Content;
        Assert.Equal(("error", "FormatException"), (reply.GetProperty("status").GetString(), reply.GetProperty("ename").GetString()));
        string[] traceback = [.. error.GetProperty("traceback").EnumerateArray().Select(l => l.GetString()!)];
        Assert.Contains("FormatException", traceback[0]);
        Assert.Equal(["  cell 1, line 4: return int.Parse(text);", "  cell 2, line 2: Parse(\"no\")"], traceback.Where(line => line.Contains("cell")));

        (reply, published) = f.Run("int x = ;");
        Assert.Equal("CompileError", reply.GetProperty("ename").GetString());
        Assert.Contains("cell 3, line 1: int x = ;", Assert.Single(published, m => m.Type == "error").Content.GetProperty("traceback")[1].GetString());
        Assert.Contains("execute_result 5", f.Run("kept").Published.Select(Brief));
    }

    [Fact]
    public void A_value_that_cannot_be_shown_fails_its_cell_only()
    {
        using KernelFixture f = new();
        (JsonElement reply, _) = f.Run("class Shy { public override string ToString() => throw new InvalidOperationException(\"not me\"); }\nnew Shy()");
        Assert.Equal("not me", reply.GetProperty("evalue").GetString());
        Assert.Equal("ok", f.Run("1").Reply.GetProperty("status").GetString());
    }

    [Fact]
    public void Cells_sent_behind_one_that_fails_are_aborted_unless_it_says_otherwise()
    {
        using KernelFixture f = new();
        foreach (bool stops in new[] { true, false })
        {
            string[] ids =
            [
                f.Execute("await Task.Delay(300); throw new InvalidOperationException();", new JsonObject { ["stop_on_error"] = stops }),
                f.Execute("Print(\"second\")"),
                f.Send("shell", "kernel_info_request"),
            ];
            Received[] replies = [f.Receive("shell"), f.Receive("shell"), f.Receive("shell")];
            Assert.Equal(ids, replies.Select(r => r.Parent));
            Assert.Equal(["error", stops ? "aborted" : "ok", "ok"], replies.Select(r => r.Content.GetProperty("status").GetString()));
        }

        Assert.Equal("ok", f.Run("1").Reply.GetProperty("status").GetString());
    }

    [Fact]
    public void A_silent_cell_publishes_nothing_and_counts_for_nothing()
    {
        using KernelFixture f = new();
        (JsonElement reply, List<Received> published) = f.Run("var quiet = 1; Print(quiet); quiet", new JsonObject { ["silent"] = true });
        Assert.Equal(["status busy", "status idle"], published.Select(Brief));
        Assert.Equal(0, reply.GetProperty("execution_count").GetInt32());
        Assert.Contains("execute_result 1", f.Run("quiet", new JsonObject { ["store_history"] = false }).Published.Select(Brief));
        Assert.Equal(0, f.Ask("shell", "history_request", new JsonObject { ["hist_access_type"] = "tail", ["n"] = 9 }).GetProperty("history").GetArrayLength());
    }

    [Fact]
    public void User_expressions_are_evaluated_after_the_cell()
    {
        using KernelFixture f = new();
        JsonElement values = f.Run(
            "var x = 20;",
            new JsonObject { ["user_expressions"] = new JsonObject { ["good"] = "x + 1", ["bad"] = "y" } }).Reply.GetProperty("user_expressions");
        Assert.Equal("21", values.GetProperty("good").GetProperty("data").GetProperty("text/plain").GetString());
        Assert.Equal("CompileError", values.GetProperty("bad").GetProperty("ename").GetString());
    }

    [Fact]
    public void Progress_replaces_what_it_has_shown()
    {
        using KernelFixture f = new();
        List<Received> published = f.Run("var p = Progress(\"steps\", 2); p.Report(2); ClearOutput(wait: true);").Published;
        Received first = Assert.Single(published, m => m.Type == "display_data"), last = Assert.Single(published, m => m.Type == "update_display_data");
        Assert.Equal(Id(first), Id(last));
        Assert.StartsWith("steps: 2 of 2", last.Content.GetProperty("data").GetProperty("text/plain").GetString());
        Assert.Contains("<progress value=\"2\" max=\"2\">", last.Content.GetProperty("data").GetProperty("text/html").GetString());
        Assert.True(Assert.Single(published, m => m.Type == "clear_output").Content.GetProperty("wait").GetBoolean());

        static string? Id(Received message) => message.Content.GetProperty("transient").GetProperty("display_id").GetString();
    }

    [Theory]
    [InlineData("tail", 2, "[[1,2,\"2\"],[1,3,\"1 + 1\"]]")]
    [InlineData("range", 0, "[[1,1,\"1 + 1\"],[1,2,\"2\"]]")]
    [InlineData("search", 9, "[[1,3,\"1 + 1\"]]")]
    public void History_has_the_cells_of_the_session(string access, int n, string expected)
    {
        using KernelFixture f = new();
        foreach (string code in new[] { "1 + 1", "2", "1 + 1" })
        {
            f.Run(code);
        }

        JsonObject request = new() { ["hist_access_type"] = access, ["n"] = n, ["start"] = 1, ["stop"] = 3, ["pattern"] = "1*", ["unique"] = true };
        Assert.Equal(expected, f.Ask("shell", "history_request", request).GetProperty("history").GetRawText());
        request["output"] = true;
        Assert.Contains("[\"1 + 1\",\"2\"]", f.Ask("shell", "history_request", request).GetProperty("history").GetRawText());
    }

    [Fact]
    public void Comms_are_refused_and_none_is_listed()
    {
        using KernelFixture f = new();
        string id = f.Send("shell", "comm_open", new JsonObject { ["comm_id"] = "c", ["target_name"] = "t", ["data"] = new JsonObject() });
        Assert.Equal("c", Assert.Single(f.Published(id), m => m.Type == "comm_close").Content.GetProperty("comm_id").GetString());
        Assert.Equal("{}", f.Ask("shell", "comm_info_request").GetProperty("comms").GetRawText());
    }

    [Theory]
    [InlineData("await Task.Delay(-1, Cancellation);")]
    [InlineData("while (true) { }")]
    public void An_interrupt_by_message_stops_the_cell_and_keeps_the_session(string endless)
    {
        using KernelFixture f = new(patience: TimeSpan.FromMilliseconds(100));
        f.Run("var kept = 7;");
        string id = f.Execute("Started.SetResult(); " + endless);
        f.AwaitStart();
        Assert.Equal("ok", f.Ask("control", "interrupt_request").GetProperty("status").GetString());
        Assert.Equal("Interrupted", f.Receive("shell").Content.GetProperty("ename").GetString());
        Assert.Contains(f.Published(id), m => m.Type == "error");
        Assert.Contains("execute_result 7", f.Run("kept").Published.Select(Brief));
    }

    [Fact]
    public void A_cell_that_sleeps_is_woken_without_force_and_a_timed_one_says_how_long_it_took()
    {
        using KernelFixture f = new(patience: TimeSpan.FromHours(1));
        string id = f.Execute("Started.SetResult(); Thread.Sleep(-1);");
        f.AwaitStart();
        f.Ask("control", "interrupt_request");
        Assert.Equal("Interrupted", f.Receive("shell").Content.GetProperty("ename").GetString());
        Assert.Contains(f.Published(id), m => m.Type == "error");

        List<Received> published = f.Run("#!time\n6 * 7").Published;
        Assert.StartsWith("time: ", Assert.Single(published, m => m.Type == "stream").Content.GetProperty("text").GetString());
        Assert.Contains("execute_result 42", published.Select(Brief));
    }

    [Theory]
    [InlineData("await Task.Delay(1);")]
    [InlineData("await Model.Ask(null, \"How many boots are there?\");")]
    public async Task A_loop_that_was_interrupted_counts_no_further(string awaited)
    {
        await using EngineSession session = EngineSessions.Open();
        using KernelFixture f = new();
        f.Globals.Model = session.Load("tiny-llava");
        string id = f.Execute($"Started.SetResult(); while (true) {{ {awaited} Counter++; }}");
        f.AwaitStart();
        while (f.Globals.Counter < 3)
        {
            await Task.Delay(1);
        }

        f.Ask("control", "interrupt_request");

        Assert.Equal("Interrupted", f.Receive("shell").Content.GetProperty("ename").GetString());
        int counted = f.Globals.Counter;
        await Task.Delay(1000);
        Assert.Equal(counted, f.Globals.Counter);
        Assert.Contains(f.Published(id), m => m.Type == "error");
    }

    [Theory]
    [InlineData("control", false)]
    [InlineData("control", true)]
    [InlineData("shell", false)]
    public async Task Shutdown_is_answered_and_ends_the_kernel(string channel, bool restart)
    {
        using KernelFixture f = new();
        JsonElement reply = f.Ask(channel, "shutdown_request", new JsonObject { ["restart"] = restart });
        Assert.Equal(("ok", restart), (reply.GetProperty("status").GetString(), reply.GetProperty("restart").GetBoolean()));
        await f.Running.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public async Task Shutdown_does_not_wait_for_a_cell()
    {
        using KernelFixture f = new();
        f.Execute("Started.SetResult(); while (true) { }");
        f.AwaitStart();
        f.Ask("control", "shutdown_request");
        await f.Running.WaitAsync(TimeSpan.FromSeconds(60));
    }

    [Fact]
    public void A_cell_can_ask_the_user_where_the_client_allows_it()
    {
        using KernelFixture f = new();
        string id = f.Execute("Input.ReadLine()", new JsonObject { ["allow_stdin"] = true });
        Received question = f.Receive("stdin");
        Assert.Equal(("input_request", id), (question.Type, question.Parent));
        f.Send("stdin", "input_reply", new JsonObject { ["value"] = 5 });
        f.Send("stdin", "input_reply", new JsonObject { ["value"] = "forty-two" });
        Assert.Equal("ok", f.Receive("shell").Content.GetProperty("status").GetString());
        Assert.Contains("execute_result forty-two", f.Published(id).Select(Brief));
        Assert.Contains("cannot be asked", f.Run("Input.ReadLine()").Reply.GetProperty("evalue").GetString());
    }

    [Fact]
    public void Heartbeats_come_back()
    {
        using KernelFixture f = new();
        f["heartbeat"].SendFrame("ping");
        Assert.True(f["heartbeat"].TryReceiveFrameString(TimeSpan.FromSeconds(60), out string? echo));
        Assert.Equal("ping", echo);
    }

    [Fact]
    public void Two_kernels_run_side_by_side()
    {
        using KernelFixture one = new("first key"), two = new("second key");
        one.Run("var mine = 1;");
        two.Run("var mine = 2;");
        string slow = one.Execute("await Task.Delay(300); mine");
        Assert.Contains("execute_result 2", two.Run("mine").Published.Select(Brief));
        Assert.Contains("execute_result 1", one.Published(slow).Select(Brief));
    }

    [Fact]
    public void A_taken_port_is_one_clear_line()
    {
        using KernelFixture f = new();
        using Aperture.Scripting.ScriptSession session = new(typeof(KernelGlobals), f.Globals);
        ApertureException error = Assert.Throws<ApertureException>(() => new JupyterKernel(f.Connection, session, new CellDisplay()));
        Assert.StartsWith("The kernel cannot listen on 127.0.0.1, ports", error.Message);
    }

    internal static string Brief(Received message) => message.Type switch
    {
        "status" => "status " + message.Content.GetProperty("execution_state").GetString(),
        "stream" => $"stream {message.Content.GetProperty("name").GetString()} {message.Content.GetProperty("text").GetString()}",
        "display_data" or "execute_result" => $"{message.Type} {message.Content.GetProperty("data").GetProperty("text/plain").GetString()}",
        _ => message.Type,
    };
}
