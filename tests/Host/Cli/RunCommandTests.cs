
namespace Aperture.Host.Tests.Cli;

[Trait("Category", "Process")]
public class RunCommandTests
{
    [Fact]
    public async Task A_script_gets_its_arguments_and_its_last_value_goes_to_standard_output()
    {
        using CommandFolder f = new CommandFolder().Write("a.csx", "Print(string.Join('|', Args)); Print(ScriptFolder);\nArgs.Count * 2");
        (int code, string output, string error) = await f.Run("run", "a.csx", "--", "--flag", "two words");
        Assert.Equal((0, $"--flag|two words\n{f.Folder}\n4\n", ""), (code, output, error));
    }

    [Fact]
    public async Task A_script_has_ImageSharp_and_writes_animations()
    {
        using CommandFolder f = new CommandFolder().Write(
            "a.csx",
            """
            using SixLabors.ImageSharp.Processing;
            var photo = Image.Filled(4, 2, 10, 20, 30);
            Image back;
            using (var turned = photo.ToImageSharp())
            {
                turned.Mutate(x => x.Rotate(RotateMode.Rotate90).Invert());
                back = Image.FromImageSharp(turned);
            }

            Image.SaveGif([photo, back.Resize(4, 2)], "turn.gif");
            $"{back.Width}x{back.Height} {back.Pixels[0]} {Images.Load("turn.gif").Width}"
            """);
        Assert.Equal((0, "2x4 245 4\n", ""), await f.Run("run", "a.csx"));
    }

    [Fact]
    public async Task The_number_a_script_returns_is_the_exit_code()
    {
        using CommandFolder f = new CommandFolder().Write("a.csx", "return 7;");
        Assert.Equal((7, "", ""), await f.Run("run", "a.csx"));
    }

    [Fact]
    public async Task Compile_errors_go_to_standard_error_with_their_place()
    {
        using CommandFolder f = new CommandFolder().Write("a.csx", "int x = ;\n");
        (int code, string output, string error) = await f.Run("run", "a.csx");
        Assert.Equal((1, ""), (code, output));
        Assert.Equal($"{f.Folder}/a.csx(1,9): error CS1525: Invalid expression term ';'\n", error);
    }

    [Fact]
    public async Task A_runtime_error_is_one_line_with_its_place_and_a_trace_only_on_request()
    {
        using CommandFolder f = new CommandFolder().Write("a.csx", "Print(1);\nthrow new InvalidOperationException(\"on purpose\");");
        (int code, string output, string error) = await f.Run("run", "a.csx");
        Assert.Equal((1, "1\n", $"error: {f.Folder}/a.csx(2): InvalidOperationException: on purpose\n"), (code, output, error));
        f.Environment["APERTURE_DEBUG"] = "1";
        Assert.Contains("   at Submission", (await f.Run("run", "a.csx")).Error);
    }

    [Fact]
    public async Task A_missing_script_and_a_wrong_option_say_what_is_wrong()
    {
        using CommandFolder f = new();
        Assert.Equal((1, "", $"error: There is no script 'no.csx' (looked for {f.Folder}/no.csx).\n"), await f.Run("run", "no.csx"));
        (int code, _, string error) = await f.Run("run", "no.csx", "--device", "tpu");
        Assert.Equal((1, "error: --device tpu: give auto, cpu, cuda or cuda:N.\n"), (code, error));
    }

    [Fact]
    public async Task A_script_computes_on_the_device_and_the_threads_it_was_given()
    {
        using CommandFolder f = new CommandFolder().Write(
            "a.csx", "var x = torch.ones(2, 3, device: Device); Print(x.sum().item<float>()); Print(torch.get_num_threads()); Print(Device);");
        Assert.Equal((0, "6\n1\ncpu\n", ""), await f.Run("run", "a.csx", "--device", "cpu", "--threads", "1"));
    }

    [Fact]
    public async Task One_interrupt_stops_a_script_that_takes_the_token()
    {
        using CommandFolder f = new CommandFolder().Write("a.csx", "Print(\"started\"); await Task.Delay(-1, Cancellation);");
        using ApertureProcess process = f.Start("run", "a.csx");
        await process.LineAsync("started");
        process.Interrupt();
        (int code, _, string error) = await process.EndAsync();
        Assert.Equal(130, code);
        Assert.EndsWith("Cancelled.\n", error);
    }

    [Fact]
    public async Task A_second_interrupt_aborts_a_loop_and_a_third_leaves_a_sleep()
    {
        using CommandFolder f = new CommandFolder()
            .Write("loop.csx", "Print(\"started\"); Cancellation.Register(() => Print(\"asked\")); while (true) { }")
            .Write("sleep.csx", "Print(\"started\"); Cancellation.Register(() => Print(\"asked\")); Thread.Sleep(-1);");
        using ApertureProcess loop = f.Start("run", "loop.csx");
        await Press(loop);
        loop.Interrupt();
        (int code, _, string error) = await loop.EndAsync();
        Assert.Equal(130, code);
        Assert.EndsWith("Aborting. Ctrl+C again leaves.\nCancelled.\n", error);

        using ApertureProcess sleep = f.Start("run", "sleep.csx");
        await Press(sleep);
        sleep.Interrupt();
        sleep.Interrupt();
        Assert.Equal(130, (await sleep.EndAsync()).Code);
    }

    [Fact]
    public async Task A_script_sees_a_picture_once_and_writes_a_pipeline_down()
    {
        using CommandFolder f = new CommandFolder().Write(
            "a.csx",
            $$"""
            var llava = await Models.Load("tiny-llava");
            var photo = Images.Load("{{Repository.Path("scripts", "shelf.png")}}");
            using (Seen seen = await llava.See([photo]))
            {
                Print((await llava.Ask(seen, "How many boots are there?")).Text);
            }

            llava.With("fitprune", new { Reduction = 0.6 }).Spec.Save("fast.json");
            Pipeline again = await Models.Load("fast.json");
            Print($"{again.Label}: {(await again.Ask([Message.User("How many boots are there?", photo)])).Text}");
            """);

        (int code, string output, string error) = await f.Run("run", "a.csx");

        Assert.Equal((0, "two\nfitprune(Reduction=0.6): two\n", ""), (code, output, error));
    }

    private static async Task Press(ApertureProcess process)
    {
        await process.LineAsync("started");
        process.Interrupt();
        await process.LineAsync("asked");
    }
}
