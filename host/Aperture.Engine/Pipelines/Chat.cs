using System.Runtime.CompilerServices;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Requests;
using Aperture.Scheduling;

namespace Aperture.Pipelines;

/// <summary>
/// A conversation over a live cache: a turn runs only what the turns before have not run, and answers as the whole conversation asked afresh does. Turns wait
/// for each other and for other questions on the model; between them the chat holds memory and nothing else. A stopped turn keeps what was answered so far.
/// Disposing it frees the cache; a turn that runs frees it when it ends.
/// </summary>
/// <remarks>
/// Where a method of the pipeline acts on whole prompts only, the chat says so once and runs the conversation afresh where it has to. A reload of one of its
/// plugins ends the live cache; the next turn says so and runs the conversation afresh.
/// </remarks>
public sealed class Chat : IDisposable
{
    private readonly Pipeline _pipeline;
    private readonly LeaseCount _leases;
    private readonly Lock _gate = new();
    private ChatTurn[] _turns = [];
    private LiveConversation? _live;
    private int _asked; // turns that run or wait

    internal Chat(Pipeline pipeline, string? system)
    {
        (_pipeline, System) = (pipeline, system);
        _leases = new LeaseCount(() => Interlocked.Exchange(ref _live, null)?.Dispose());
    }

    /// <summary>The pipeline that answers.</summary>
    public Pipeline Pipeline => _pipeline;

    /// <summary>Instructions in front of the conversation; null for the template's own.</summary>
    public string? System { get; }

    /// <summary>Questions and answers so far.</summary>
    public IReadOnlyList<ChatTurn> Turns => Volatile.Read(ref _turns);

    /// <summary>
    /// The conversation as messages, as <see cref="Pipeline.Ask(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/> takes them.
    /// </summary>
    public IReadOnlyList<Message> Messages =>
    [
        .. System is null ? (Message[])[] : [Message.System(System)],
        .. Turns.SelectMany(turn => (Message[])[Message.User(turn.Question, turn.Images), Message.Assistant(turn.Answer.Text)]),
    ];

    /// <summary>Asks the next question.</summary>
    /// <param name="question">The question.</param>
    /// <param name="image">A picture that it shows; null for none. Pictures of earlier turns are still seen.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Stops the answer; without one it stops with the script, entry or cell that asks.</param>
    /// <returns>The answer; its figures are those of the turn alone.</returns>
    /// <exception cref="ApertureException">The question cannot be asked, the conversation is too long, or the chat or its model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped. What there was of the answer is the last of <see cref="Turns"/>.</exception>
    [OverloadResolutionPriority(1)] // a lone null is no picture
    public Task<Answer> Ask(string question, Image? image = null, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Ask(question, Of(image), options, cancellationToken);

    /// <summary>Asks the next question, about several pictures.</summary>
    /// <param name="question">The question.</param>
    /// <param name="images">The pictures that it shows, in order.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Stops the answer; without one it stops with the script, entry or cell that asks.</param>
    /// <returns>The answer; its figures are those of the turn alone.</returns>
    /// <exception cref="ApertureException">The question cannot be asked, the conversation is too long, or the chat or its model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped. What there was of the answer is the last of <see cref="Turns"/>.</exception>
    public Task<Answer> Ask(string question, IReadOnlyList<Image> images, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => RunAsync((built, token) => AskLive(built, question, images, options, null, token), cancellationToken);

    /// <summary>Asks the next question and hands out the answer piece by piece as it is generated. Leaving the enumeration stops the answer.</summary>
    /// <inheritdoc cref="Ask(string, Image?, GenerationOptions?, CancellationToken)"/>
    [OverloadResolutionPriority(1)]
    public IAsyncEnumerable<string> Stream(
        string question, Image? image = null, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Stream(question, Of(image), options, cancellationToken);

    /// <summary>Asks the next question, about several pictures, and hands out the answer piece by piece.</summary>
    /// <inheritdoc cref="Ask(string, IReadOnlyList{Image}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<string> Stream(
        string question, IReadOnlyList<Image> images, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => PieceStream.Of(
            (onPiece, token) => RunAsync((built, stop) => AskLive(built, question, images, options, onPiece, stop), token), cancellationToken);

    /// <summary>Asks the next question, and returns when the answer is there.</summary>
    /// <param name="question">The question.</param>
    /// <param name="images">The pictures that it shows, in order.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="onPiece">Gets pieces of the answer as they come; null for nobody.</param>
    /// <param name="cancellationToken">Stops the answer; without one it stops with the script, entry or cell that asks.</param>
    /// <returns>The answer; its figures are those of the turn alone.</returns>
    /// <exception cref="ApertureException">The question cannot be asked, the conversation is too long, or the chat or its model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was stopped. What there was of the answer is the last of <see cref="Turns"/>.</exception>
    public Answer AskNow(
        string question, IReadOnlyList<Image> images, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
        => Run((built, token) => AskLive(built, question, images, options, onPiece, token), cancellationToken);

    /// <summary>
    /// Goes on with the last answer, which was stopped (up to the length that was asked for) or was as long as it might be (by as much again). Under greedy
    /// choice the tokens are those of an answer that was not interrupted.
    /// </summary>
    /// <param name="options">How to generate; null for the way the question was asked.</param>
    /// <param name="cancellationToken">Stops the answer; without one it stops with the script, entry or cell that asks.</param>
    /// <returns>The whole answer.</returns>
    /// <exception cref="ApertureException">There is nothing to go on with.</exception>
    /// <exception cref="OperationCanceledException">It was stopped again.</exception>
    public Task<Answer> Continue(GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => RunAsync((built, token) => ContinueLive(built, options, null, token), cancellationToken);

    /// <summary>Goes on with the last answer, and returns when the rest is there.</summary>
    /// <param name="options">How to generate; null for the way the question was asked.</param>
    /// <param name="onPiece">Gets pieces of the rest as they come; null for nobody.</param>
    /// <param name="cancellationToken">Stops the answer; without one it stops with the script, entry or cell that asks.</param>
    /// <inheritdoc cref="Continue"/>
    public Answer ContinueNow(GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
        => Run((built, token) => ContinueLive(built, options, onPiece, token), cancellationToken);

    /// <summary>Takes the last question and its answer back. What the cache holds of them goes with the next turn.</summary>
    /// <returns>What was taken back; null where there was nothing.</returns>
    /// <exception cref="ApertureException">An answer is under way.</exception>
    public ChatTurn? Undo()
    {
        lock (_gate)
        {
            RefuseBusy();
            ChatTurn? last = _turns.LastOrDefault();
            _turns = last is null ? _turns : _turns[..^1];
            return last;
        }
    }

    /// <summary>Forgets all turns and frees the cache.</summary>
    /// <exception cref="ApertureException">An answer is under way.</exception>
    public void Clear()
    {
        lock (_gate)
        {
            RefuseBusy();
            _turns = [];
            Interlocked.Exchange(ref _live, null)?.Dispose();
        }
    }

    /// <summary>Frees the cache. Turns and messages can still be read.</summary>
    public void Dispose() => _leases.Release();

    private static IReadOnlyList<Image> Of(Image? image) => image is null ? [] : [image];

    private void RefuseBusy()
    {
        if (_asked > 0)
        {
            throw new ApertureException("The chat is answering; stop the answer or wait for it first.");
        }
    }

    private async Task<Answer> RunAsync(Func<BuiltPipeline, CancellationToken, LiveAnswer> turn, CancellationToken cancellationToken)
    {
        Count(1);
        try
        {
            return Whole(await _pipeline.RunLeasedAsync((built, token) => Lease(() => turn(built, token)), cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            Count(-1);
        }
    }

    private Answer Run(Func<BuiltPipeline, CancellationToken, LiveAnswer> turn, CancellationToken cancellationToken)
    {
        Count(1);
        try
        {
            return Whole(_pipeline.RunLeased((built, token) => Lease(() => turn(built, token)), cancellationToken));
        }
        finally
        {
            Count(-1);
        }
    }

    private void Count(int change)
    {
        lock (_gate)
        {
            _asked += change;
        }
    }

    private LiveAnswer Lease(Func<LiveAnswer> turn)
    {
        if (!_leases.TryTake())
        {
            throw new ApertureException("This chat is disposed; begin another one with Chat().");
        }

        try
        {
            return turn();
        }
        finally
        {
            _leases.Return();
        }
    }

    private static Answer Whole(LiveAnswer answer)
        => answer.Stopped is null
            ? answer.Answer
            : throw new OperationCanceledException(answer.Stopped.Message, answer.Stopped, answer.Stopped.CancellationToken);

    private LiveAnswer AskLive(
        BuiltPipeline built, string question, IReadOnlyList<Image> images, GenerationOptions? options, Action<string>? onPiece,
        CancellationToken cancellationToken)
    {
        GenerationOptions chosen = _pipeline.Model.Complete(options).Validate();
        LiveTurn turn = new(Message.Request([.. Messages, Message.User(question, images)]), chosen, []) { OnPiece = onPiece, OnNotice = Notice };
        LiveAnswer answer = EngineTelemetry.Observe(_pipeline, () => Live(built).Run(turn, cancellationToken), live => [live.Answer]);
        _turns = [.. _turns, new ChatTurn(question, images, answer.Answer, answer.Rows) { Options = chosen }];
        return answer;
    }

    private LiveAnswer ContinueLive(BuiltPipeline built, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
    {
        ChatTurn last = _turns.LastOrDefault() is { CanContinue: true } stopped
            ? stopped
            : throw new ApertureException(_turns.Length == 0
                ? "The chat has no answer to go on with; ask a question first."
                : "The last answer is complete, so there is nothing to go on with; ask the next question.");
        GenerationOptions chosen = (options is null ? last.Options : _pipeline.Model.Complete(options)).Validate();
        int[] begun = [.. last.Answer.Tokens];
        bool isRest = options is null && last.Answer.Finish == FinishReason.Stopped && begun.Length < chosen.MaxNewTokens;
        GenerationOptions whole = chosen with
        {
            MaxNewTokens = isRest ? chosen.MaxNewTokens : begun.Length + chosen.MaxNewTokens,
            Beams = 1,
            ReturnedSequences = 1,
        };
        LiveTurn turn = new(Message.Request([.. Messages.SkipLast(1)]), whole, begun) { OnPiece = onPiece, OnNotice = Notice };
        LiveAnswer answer = EngineTelemetry.Observe(_pipeline, () => Live(built).Run(turn, cancellationToken), live => [live.Answer]);
        _turns = [.. _turns[..^1], last with { Answer = answer.Answer, PrefilledRows = answer.Rows, Options = chosen }];
        return answer;
    }

    private LiveConversation Live(BuiltPipeline built)
    {
        if (_live is { IsDisposed: true })
        {
            _live = null;
            Notice("The chat's pipeline was reloaded or disposed, and its live cache with it; this turn runs the whole conversation afresh.");
        }

        if (_live is null)
        {
            _live = new LiveConversation(_pipeline.Model, built.Table);
            built.Attach(_live);
            _pipeline.Model.Attach(_live);
        }

        return _live;
    }

    private void Notice(string line) => _pipeline.Session.OnNotice?.Invoke(line);
}
