using System.Text.Json;
using Aperture.Generation;
using Aperture.Host.Chatting;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Scripting;

namespace Aperture.Host.Tests.Chatting;

/// <summary>The lines of <c>aperture chat</c>.</summary>
[Collection(WholeProcess.Name)]
public sealed class ChatLoopTests : IClassFixture<SmallLlava>, IAsyncDisposable
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };
    private readonly SmallLlava _small;
    private readonly EngineSession _session;
    private readonly Chat _chat;
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();
    private readonly Terminal _terminal;

    public ChatLoopTests(SmallLlava small)
    {
        _small = small;
        _session = small.Open();
        _chat = _session.Load(small.Folder).With("random", new { Tokens = 7 }).Chat();
        _terminal = new Terminal(_output, _error);
    }

    public async ValueTask DisposeAsync()
    {
        _chat.Dispose();
        await _session.DisposeAsync();
        await _output.DisposeAsync();
        await _error.DisposeAsync();
    }

    [Fact]
    public void Answers_go_to_the_output_and_all_else_to_the_error()
    {
        ChatLoop loop = new(_terminal, _chat, _short) { ShowsCost = true };

        int code = Run(loop, $"/image {_small.Picture}", "abc?", "", "  and?  ", "/exit", "never");

        Assert.Equal(0, code);
        Assert.Equal(["abc?", "and?"], _chat.Turns.Select(turn => turn.Question));
        Assert.Equal([1, 0], _chat.Turns.Select(turn => turn.Images.Count));
        Assert.Equal(_chat.Turns.Select(turn => turn.Answer.Text), Lines(_output).Select(line => line.Trim()));
        Assert.Equal(3, Lines(_error).Length);
        Assert.Contains("The next question shows", Lines(_error)[0], StringComparison.Ordinal);
        Assert.StartsWith($"{_chat.Turns[1].PrefilledRows} rows prefilled in ", Lines(_error)[2], StringComparison.Ordinal);
    }

    [Fact]
    public void What_goes_wrong_is_one_line_and_the_chat_goes_on()
    {
        ChatLoop loop = new(_terminal, _chat, _short);
        string text = Path.Combine(_small.Root, "text.png");
        File.WriteAllText(text, "no picture");

        int code = Run(
            loop, "/image", "/image nowhere.png", $"/image {text}", "/picture x", "/continue", "/undo", "/save", "<image>?", $"/save {_small.Root}", "abc?");

        Assert.Equal(1, code);
        Assert.Single(_chat.Turns);
        string[] said = Lines(_error);
        Assert.Equal(9, said.Length);
        Assert.All(
            said.Zip(
                ["such as /image picture.png", "nowhere.png cannot be read", "text.png", "no command '/picture'", "ask a question first", "nothing to take",
                "such as /save chat.json", "leave it out", _small.Root]),
            pair => Assert.Contains(pair.Second, pair.First, StringComparison.Ordinal));
    }

    [Fact]
    public void The_conversation_is_taken_back_shown_saved_and_forgotten()
    {
        ChatLoop loop = new(_terminal, _chat, _short);
        string file = Path.Combine(_small.Root, "chat.json");

        Run(loop, $"/image {_small.Picture}", "abc?", "wrong?", "/undo", "and?", $"/save {file}", "/history");
        using JsonDocument saved = JsonDocument.Parse(File.ReadAllText(file));
        JsonElement messages = saved.RootElement.GetProperty("messages");
        string history = _output.ToString();
        Run(loop, "/undo", "/undo", "again?");
        Assert.Equal(("again?", 1), (_chat.Turns[0].Question, _chat.Turns[0].Images.Count)); // asked otherwise, about the same picture
        Run(loop, "/clear", "/history");

        Assert.Equal("random", saved.RootElement.GetProperty("pipeline").GetProperty("methods")[0].GetProperty("name").GetString());
        Assert.Equal(["user", "assistant", "user", "assistant"], messages.EnumerateArray().Select(message => message.GetProperty("role").GetString()));
        Assert.Equal(_small.Picture, messages[0].GetProperty("images")[0].GetString());
        Assert.Contains("2 turn(s)\n  user    [40x30] abc?\n  model   ", history.ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.DoesNotContain("wrong?", history[history.IndexOf("turn(s)", StringComparison.Ordinal)..], StringComparison.Ordinal);
        Assert.EndsWith("nothing was asked yet\n", _output.ToString().ReplaceLineEndings("\n"), StringComparison.Ordinal);
        Assert.Empty(_chat.Turns);
    }

    [Fact]
    public void A_stop_keeps_what_was_said_and_continue_says_the_rest()
    {
        using StoppingWriter output = new();
        ChatLoop loop = new(new Terminal(output, _error), _chat, new GenerationOptions { MaxNewTokens = 12 });
        output.Stop = loop.Stop;
        Assert.False(loop.Stop());

        Run(loop, "abc?");
        FinishReason stopped = _chat.Turns[0].Answer.Finish;
        int before = _chat.Turns[0].Answer.Tokens.Count;
        output.Stop = null;
        Run(loop, "/continue");

        Assert.Equal(FinishReason.Stopped, stopped);
        Assert.InRange(before, 1, 11);
        Assert.Equal(12, _chat.Turns[0].Answer.Tokens.Count);
        Assert.Equal("Stopped; /continue goes on.", Lines(_error)[0]);
    }

    [Fact]
    public void A_chat_is_shown_with_its_history()
    {
        Assert.Contains("nothing was asked yet", new ValueFormatter().Format(_chat).Text, StringComparison.Ordinal);
        _chat.AskNow("abc?\nreally?", [Image.Load(_small.Picture)], _short, null, CancellationToken.None);

        string text = new ValueFormatter().Format(_chat).Text;

        Assert.StartsWith(
            "Chat with small, random(Tokens=7): 1 turn(s)\n  user    [40x30] abc?\n          really?\n  model   ", text, StringComparison.Ordinal);
    }

    private static int Run(ChatLoop loop, params string[] lines)
    {
        Queue<string> left = new(lines);
        return loop.Run(() => left.TryDequeue(out string? line) ? line : null, CancellationToken.None);
    }

    private static string[] Lines(StringWriter writer) => writer.ToString().TrimEnd('\n').Split('\n');

    /// <summary>Presses Ctrl+C when the answer begins to come.</summary>
    private sealed class StoppingWriter : StringWriter
    {
        public Func<bool>? Stop { get; set; }

        public override void Write(string? value)
        {
            base.Write(value);
            if (!string.IsNullOrEmpty(value))
            {
                Stop?.Invoke();
            }
        }
    }
}
