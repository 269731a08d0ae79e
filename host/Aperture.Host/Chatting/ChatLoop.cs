using Aperture.Comparing;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Scripting;

namespace Aperture.Host.Chatting;

/// <summary>
/// A conversation line by line: what begins with a slash is a command, the rest is asked. What goes wrong is one line, and the chat goes on.
/// </summary>
/// <param name="terminal">Answers go to its output, everything else to its error.</param>
/// <param name="chat">The chat; borrowed.</param>
/// <param name="options">How to generate.</param>
internal sealed class ChatLoop(Terminal terminal, Chat chat, GenerationOptions options)
{
    private const string Help = """
        /image PATH   a picture that the next question shows; several add up
        /continue     goes on with an answer that was stopped or was cut at --max-new-tokens
        /undo         takes the last question and its answer back
        /clear        forgets the conversation
        /history      the conversation so far
        /save FILE    writes pipeline and conversation as JSON
        /help, /exit
        Ctrl+C stops an answer; where nothing is typed it leaves, as Ctrl+D does. Alt+Enter starts a new line.
        """;

    private readonly List<Image> _shown = [];
    private readonly Dictionary<Image, string> _paths = new(ReferenceEqualityComparer.Instance);
    private readonly Lock _gate = new();
    private CancellationTokenSource? _answering;

    /// <summary>Whether a line after each answer says what it cost.</summary>
    public bool ShowsCost { get; init; }

    /// <summary>What becomes of pictures before the model sees them.</summary>
    public ImagePreparation Preparation { get; init; } = ImagePreparation.None;

    /// <summary>Whether anything went wrong.</summary>
    public bool HasFailed { get; private set; }

    /// <summary>Reads lines until there are no more or the user leaves.</summary>
    /// <param name="read">Gives the next line; null at the end.</param>
    /// <param name="cancellationToken">Ends the chat.</param>
    /// <returns>The exit code: whether anything went wrong.</returns>
    public int Run(Func<string?> read, CancellationToken cancellationToken)
    {
        while (!cancellationToken.IsCancellationRequested && read() is { } line && Enter(line, cancellationToken))
        {
        }

        return HasFailed ? ErrorReport.Failed : 0;
    }

    /// <summary>Takes a line.</summary>
    /// <param name="line">A command or a question.</param>
    /// <param name="cancellationToken">Ends the chat.</param>
    /// <returns>Whether the chat goes on.</returns>
    public bool Enter(string line, CancellationToken cancellationToken)
    {
        string text = line.Trim();
        try
        {
            return text.Length == 0 || (text[0] == '/' ? Obey(text, cancellationToken) : Ask(text, cancellationToken));
        }
        catch (Exception e) when (e is ApertureException or IOException or UnauthorizedAccessException)
        {
            HasFailed = true;
            terminal.Fail(e.Message);
            return true;
        }
    }

    /// <summary>Stops the answer that is under way; false where there is none. From any thread.</summary>
    public bool Stop()
    {
        lock (_gate)
        {
            _answering?.Cancel();
            return _answering is not null;
        }
    }

    private bool Obey(string text, CancellationToken cancellationToken)
    {
        string[] words = text.Split((char[]?)null, 2, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        string rest = words.Length > 1 ? words[1].Trim('"', '\'') : "";
        switch (words[0])
        {
            case "/image":
                Show(Required(rest, "/image", "picture.png"));
                break;
            case "/continue":
                Answer((onPiece, token) => chat.ContinueNow(null, onPiece, token), cancellationToken);
                break;
            case "/undo":
                Undo();
                break;
            case "/clear":
                chat.Clear();
                _shown.Clear();
                terminal.Error.WriteLine("The conversation is forgotten.");
                break;
            case "/history":
                terminal.Output.WriteLine(new ValueFormatter().Format(chat).Text);
                break;
            case "/save":
                terminal.Error.WriteLine($"Saved: {ChatFile.Write(Required(rest, "/save", "chat.json"), chat, _paths)}");
                break;
            case "/help":
                terminal.Error.WriteLine(Help);
                break;
            case "/exit" or "/quit":
                return false;
            default:
                throw new ApertureException($"There is no command '{words[0]}'; /help lists them.");
        }

        return true;
    }

    private static string Required(string rest, string command, string example)
        => rest.Length > 0 ? rest : throw new ApertureException($"{command} needs a file, such as {command} {example}.");

    private void Show(string path)
    {
        Image stored = Image.Load(path);
        if (Preparation.Notice([(path, stored)]) is { } notice)
        {
            terminal.Note($"note: {notice}");
        }

        Image picture = Preparation.Apply(stored);
        _paths[picture] = Path.GetFullPath(path);
        _shown.Add(picture);
        terminal.Error.WriteLine($"The next question shows {path} ({picture.Width}x{picture.Height}).");
    }

    // Whoever takes a question back asks it otherwise, about the same pictures.
    private void Undo()
    {
        ChatTurn? undone = chat.Undo();
        _shown.InsertRange(0, undone?.Images ?? []);
        terminal.Error.WriteLine(undone is null
            ? "There is nothing to take back."
            : $"Taken back: {undone.Question.ReplaceLineEndings(" ")}{(undone.Images.Count > 0 ? " (the next question shows its pictures)" : "")}");
    }

    private bool Ask(string question, CancellationToken cancellationToken)
    {
        Image[] shown = [.. _shown];
        int before = chat.Turns.Count;
        try
        {
            Answer((onPiece, token) => chat.AskNow(question, shown, options, onPiece, token), cancellationToken);
        }
        finally
        {
            if (chat.Turns.Count > before)
            {
                _shown.Clear(); // a question that failed keeps them for the next try
            }
        }

        return true;
    }

    private void Answer(Func<Action<string>, CancellationToken, Answer> ask, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        lock (_gate)
        {
            _answering = stop;
        }

        bool hasBegun = false;
        try
        {
            ask(Write, stop.Token);
            terminal.Output.WriteLine();
            if (ShowsCost)
            {
                terminal.Error.WriteLine(Cost(chat.Turns[^1]));
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && stop.IsCancellationRequested)
        {
            if (hasBegun)
            {
                terminal.Output.WriteLine();
            }

            terminal.Error.WriteLine(hasBegun ? "Stopped; /continue goes on." : "Stopped before the answer began.");
        }
        finally
        {
            lock (_gate)
            {
                _answering = null;
            }
        }

        // A model's first token often begins with a blank.
        void Write(string piece)
        {
            string text = hasBegun ? piece : piece.TrimStart();
            hasBegun |= text.Length > 0;
            terminal.Output.Write(text);
            terminal.Output.Flush();
        }
    }

    private static string Cost(ChatTurn turn)
        => $"{turn.PrefilledRows} rows prefilled in {turn.Answer.Times.FirstToken:0.0} ms, {turn.Answer.Flops.Total / 1e9:0.000} GFLOPs; "
            + $"{turn.Answer.Times.DecodePerToken:0.0} ms a token; KV {Comparison.Size(turn.Answer.CacheBytes)}";
}
