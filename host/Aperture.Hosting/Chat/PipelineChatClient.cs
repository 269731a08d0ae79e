using System.Runtime.CompilerServices;
using Aperture.Generation;
using Aperture.Pipelines;
using Aperture.Requests;
using Microsoft.Extensions.AI;
using Microsoft.Extensions.Logging;

namespace Aperture.Hosting.Chat;

/// <summary>
/// A pipeline as a chat client. Messages show pictures as <see cref="DataContent"/> (or <see cref="UriContent"/> of a local file); usage has the visual tokens
/// before and after the methods. Each request brings the whole conversation; of what it has in common with an earlier one a pipeline that keeps prefixes
/// computes nothing again. Safe to use from several threads; it owns nothing.
/// </summary>
/// <param name="pipeline">The pipeline; borrowed.</param>
/// <param name="log">Gets a line for what is ignored; null for nobody.</param>
public sealed class PipelineChatClient(Pipeline pipeline, ILogger? log = null) : IChatClient
{
    /// <summary>The count in <see cref="UsageDetails.AdditionalCounts"/> of visual tokens that entered the decoder.</summary>
    public const string VisualTokens = "aperture.visual_tokens";

    /// <summary>The count in <see cref="UsageDetails.AdditionalCounts"/> of visual tokens that a layer of the decoder saw, mean over layers, rounded.</summary>
    public const string VisualTokensKept = "aperture.visual_tokens.kept";

    private readonly ChatClientMetadata _metadata = new("aperture", null, pipeline.Model.Name);

    /// <inheritdoc/>
    /// <exception cref="ApertureException">The conversation has no message, a tool's, or content that is neither text nor a picture.</exception>
    public async Task<ChatResponse> GetResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, CancellationToken cancellationToken = default)
    {
        IReadOnlyList<Message> conversation = Conversation.Of(messages, options, log);
        GenerationOptions chosen = ChatSettings.Of(pipeline.Model, options, log);
        Answer answer = await pipeline.Ask(conversation, chosen, cancellationToken).ConfigureAwait(false);
        return new ChatResponse(new ChatMessage(ChatRole.Assistant, answer.Text) { MessageId = NewId() })
        {
            ResponseId = NewId(),
            ModelId = pipeline.Model.Name,
            CreatedAt = DateTimeOffset.UtcNow,
            FinishReason = Finish(answer),
            Usage = UsageOf(answer),
            RawRepresentation = answer,
        };
    }

    /// <inheritdoc/>
    /// <exception cref="ApertureException">The conversation has no message, a tool's, or content that is neither text nor a picture.</exception>
    public async IAsyncEnumerable<ChatResponseUpdate> GetStreamingResponseAsync(
        IEnumerable<ChatMessage> messages, ChatOptions? options = null, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        IReadOnlyList<Message> conversation = Conversation.Of(messages, options, log);
        GenerationOptions chosen = ChatSettings.Of(pipeline.Model, options, log);
        string response = NewId(), message = NewId();
        Answer? answer = null;
        bool isFirst = true;
        IAsyncEnumerable<string> pieces = PieceStream.Of(
            async (onPiece, token) => answer = await pipeline.Ask(conversation, chosen, onPiece, token).ConfigureAwait(false), cancellationToken);
        await foreach (string piece in pieces.ConfigureAwait(false))
        {
            string text = isFirst ? piece.TrimStart() : piece; // as the whole answer begins
            if (text.Length > 0)
            {
                isFirst = false;
                yield return Update(text);
            }
        }

        ChatResponseUpdate last = Update(null);
        last.FinishReason = Finish(answer!);
        last.RawRepresentation = answer;
        last.Contents = [new UsageContent(UsageOf(answer!))];
        yield return last;

        ChatResponseUpdate Update(string? text) => new(ChatRole.Assistant, text)
        {
            ResponseId = response,
            MessageId = message,
            ModelId = pipeline.Model.Name,
            CreatedAt = DateTimeOffset.UtcNow,
        };
    }

    /// <inheritdoc/>
    public object? GetService(Type serviceType, object? serviceKey = null)
    {
        ArgumentNullException.ThrowIfNull(serviceType);
        object[] offered = [this, _metadata, pipeline, pipeline.Model];
        return serviceKey is null ? Array.Find(offered, serviceType.IsInstanceOfType) : null;
    }

    /// <summary>Nothing: the pipeline is its owner's.</summary>
    public void Dispose()
    {
    }

    private static string NewId() => Guid.NewGuid().ToString("N");

    private static ChatFinishReason Finish(Answer answer) => answer.Finish == FinishReason.Length ? ChatFinishReason.Length : ChatFinishReason.Stop;

    private static UsageDetails UsageOf(Answer answer) => new()
    {
        InputTokenCount = answer.PromptTokens + answer.KeptTokens,
        CachedInputTokenCount = answer.KeptTokens,
        OutputTokenCount = answer.Tokens.Count,
        TotalTokenCount = answer.PromptTokens + answer.KeptTokens + answer.Tokens.Count,
        AdditionalCounts = new AdditionalPropertiesDictionary<long>
        {
            [VisualTokens] = answer.VisualTokens,
            [VisualTokensKept] = answer.VisualTokensByLayer.Count == 0 ? 0 : (long)Math.Round(answer.VisualTokensByLayer.Average()),
        },
    };
}
