using System.Runtime.CompilerServices;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Requests;

namespace Aperture.Pipelines;

/// <content>Questions: about one picture, several or none, about pictures that were seen once, in conversations, and several in one batch.</content>
public sealed partial class Pipeline
{
    /// <summary>Asks about a picture.</summary>
    /// <param name="image">The picture; null for a question without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Checked between layers and tokens; without one the question ends with the script, entry or cell that asks.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ApertureException">The pipeline cannot be built, the question cannot be asked, or the model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed before the answer was there.</exception>
    [OverloadResolutionPriority(1)] // a lone null is no picture
    public Task<Answer> Ask(Image? image, string question, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Ask(Of(image, question), options, cancellationToken);

    /// <summary>Asks about several pictures, in the order given.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Checked between layers and tokens; without one the question ends with the script, entry or cell that asks.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ApertureException">The pipeline cannot be built, the question cannot be asked, or the model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed before the answer was there.</exception>
    public Task<Answer> Ask(IReadOnlyList<Image> images, string question, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Ask(PromptRequest.Of(question, images), options, cancellationToken);

    /// <summary>Asks about pictures that were seen before; they are not encoded again.</summary>
    /// <param name="seen">What <see cref="See(IReadOnlyList{Image}, CancellationToken)"/> gave; borrowed.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Checked between layers and tokens; without one the question ends with the script, entry or cell that asks.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ApertureException">The pipeline cannot be built, the question cannot be asked, or the model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed before the answer was there.</exception>
    public Task<Answer> Ask(Seen seen, string question, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Ask(PromptRequest.Of(question, seen), options, cancellationToken);

    /// <summary>
    /// Continues a conversation: an optional system message, then user and assistant in turns, the user's last, each with as many pictures as it shows.
    /// </summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Checked between layers and tokens; without one the question ends with the script, entry or cell that asks.</param>
    /// <returns>The answer.</returns>
    /// <exception cref="ApertureException">The pipeline cannot be built, the question cannot be asked, or the model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed before the answer was there.</exception>
    public Task<Answer> Ask(IReadOnlyList<Message> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => Ask(Message.Request(messages), options, cancellationToken);

    /// <summary>
    /// Asks several questions in one batch: each layer runs once for all of them. Times, operations and bytes of an answer are those of the whole batch.
    /// </summary>
    /// <param name="questions">The questions, each with its picture or null.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <returns>The answers, in the order of the questions.</returns>
    /// <exception cref="ApertureException">There is no question, or one cannot be asked.</exception>
    public Task<IReadOnlyList<Answer>> AskBatch(
        IReadOnlyList<(Image? Image, string Question)> questions, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => questions.Count == 0
            ? throw new ApertureException("There is no question in the batch; give at least one.")
            : RunKeptAsync(
                (run, token) => EngineTelemetry.Observe(
                    this, () => run.Ask([.. questions.Select(asked => Of(asked.Image, asked.Question))], options, token), answers => answers),
                cancellationToken);

    /// <summary>Encodes pictures once, for many questions.</summary>
    /// <param name="images">The pictures.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder.</param>
    /// <returns>What was seen; the caller disposes it.</returns>
    public Task<Seen> See(IReadOnlyList<Image> images, CancellationToken cancellationToken = default)
        => RunAsync((run, token) => run.See(images, token), cancellationToken);

    /// <summary>Encodes a picture once, for many questions.</summary>
    /// <param name="image">The picture.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder.</param>
    /// <returns>What was seen; the caller disposes it.</returns>
    public Task<Seen> See(Image image, CancellationToken cancellationToken = default) => See([image], cancellationToken);

    /// <summary>
    /// Looks at a picture and gives what the vision encoder, or a method before the decoder, tells of its places, to be drawn over it:
    /// <c>Map(photo, "*.share")</c>. Of a picture in tiles it is the first tile.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="names">Names of the values; <c>*</c> stands for any characters.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder.</param>
    /// <returns>The values over the picture.</returns>
    /// <exception cref="ApertureException">Nobody tells such a value with one number for each place; the message names those that are told.</exception>
    public Task<HeatMap> Map(Image image, string names, CancellationToken cancellationToken = default)
        => RunAsync((run, token) => run.Map(image, names, null, token), cancellationToken);

    /// <summary>
    /// Asks about a picture and gives what methods inside the decoder tell of its places on the way to the answer, to be drawn over it:
    /// <c>Map(photo, "*.attention", "Where is the boot?")</c>. A value of several rows is a panel a row.
    /// </summary>
    /// <param name="image">The picture.</param>
    /// <param name="names">Names of the values; <c>*</c> stands for any characters.</param>
    /// <param name="question">The question.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder and between layers.</param>
    /// <returns>The values over the picture.</returns>
    /// <exception cref="ApertureException">Nobody tells such a value with one number for each place; the message names those that are told.</exception>
    public Task<HeatMap> Map(Image image, string names, string question, CancellationToken cancellationToken = default)
        => RunAsync((run, token) => run.Map(image, names, question, token), cancellationToken);

    /// <summary>Asks about a picture and hands out the answer piece by piece as it is generated.</summary>
    /// <inheritdoc cref="Ask(Image?, string, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<string> Stream(Image? image, string question, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => PieceStream.Of((onPiece, token) => Ask(Of(image, question), options, onPiece, token), cancellationToken);

    /// <summary>Continues a conversation and hands out the answer piece by piece as it is generated.</summary>
    /// <inheritdoc cref="Ask(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/>
    public IAsyncEnumerable<string> Stream(IReadOnlyList<Message> messages, GenerationOptions? options = null, CancellationToken cancellationToken = default)
        => PieceStream.Of((onPiece, token) => Ask(Message.Request(messages), options, onPiece, token), cancellationToken);

    /// <summary>Continues a conversation, tells the answer piece by piece as it is generated, and gives it whole.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="onPiece">Gets pieces of the answer as they come.</param>
    /// <param name="cancellationToken">Checked between layers and tokens; without one the question ends with the script, entry or cell that asks.</param>
    /// <inheritdoc cref="Ask(IReadOnlyList{Message}, GenerationOptions?, CancellationToken)"/>
    public Task<Answer> Ask(IReadOnlyList<Message> messages, GenerationOptions? options, Action<string> onPiece, CancellationToken cancellationToken)
        => Ask(Message.Request(messages), options, onPiece, cancellationToken);

    /// <summary>Asks, and returns when the answer is there.</summary>
    /// <param name="image">The picture; null for a question without one.</param>
    /// <param name="question">The question.</param>
    /// <param name="options">How to generate; null for the checkpoint's own settings.</param>
    /// <param name="onPiece">Gets pieces of the answer as they come; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens; without one the question ends with the script, entry or cell that asks.</param>
    /// <exception cref="ApertureException">The pipeline cannot be built, the question cannot be asked, or the model is disposed.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled, or the model was disposed before the answer was there.</exception>
    public Answer AskNow(Image? image, string question, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
        => RunKept((run, token) => Observed(run, Of(image, question), options, onPiece, token), cancellationToken);

    /// <summary>Asks afresh, whatever earlier questions left: for whoever measures.</summary>
    internal Answer AskNow(PromptRequest asked, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
        => Run((run, token) => Observed(run, asked, options, onPiece, token), cancellationToken);

    private static PromptRequest Of(Image? image, string question) => PromptRequest.Of(question, image is null ? [] : [image]);

    private Task<Answer> Ask(PromptRequest asked, GenerationOptions? options, CancellationToken cancellationToken)
        => Ask(asked, options, null, cancellationToken);

    private Task<Answer> Ask(PromptRequest asked, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
        => RunKeptAsync((run, token) => Observed(run, asked, options, onPiece, token), cancellationToken);

    private Answer Observed(RequestRun run, PromptRequest asked, GenerationOptions? options, Action<string>? onPiece, CancellationToken cancellationToken)
        => EngineTelemetry.Observe(this, () => run.Ask(asked, options, onPiece, cancellationToken), answer => [answer]);
}
