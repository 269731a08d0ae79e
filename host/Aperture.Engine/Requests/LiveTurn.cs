using Aperture.Generation;
using Aperture.Images;

namespace Aperture.Requests;

/// <summary>What a live conversation is asked for: the whole conversation up to the question, and how to answer.</summary>
/// <param name="Asked">The conversation with all its pictures.</param>
/// <param name="Options">How to choose tokens and when to end; complete.</param>
/// <param name="Begun">Tokens that the answer has already, of which all but the last have run; none for an answer that begins.</param>
internal sealed record LiveTurn(PromptRequest Asked, GenerationOptions Options, int[] Begun)
{
    /// <summary>Gets pieces of the answer as they come; null for nobody.</summary>
    public Action<string>? OnPiece { get; init; }

    /// <summary>Gets lines that a user should see though nothing failed.</summary>
    public required Action<string> OnNotice { get; init; }

    /// <summary>The pictures of the conversation, in order.</summary>
    public IReadOnlyList<Image> Images => Asked.Images;
}

/// <summary>An answer in a live conversation.</summary>
/// <param name="Answer">The answer, or as much of it as there was when it was stopped.</param>
/// <param name="Rows">Rows that ran for it before its first token.</param>
/// <param name="Stopped">Why it was stopped; null for an answer that ended.</param>
internal sealed record LiveAnswer(Answer Answer, int Rows, OperationCanceledException? Stopped);
