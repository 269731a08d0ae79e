using Aperture.Generation;
using Aperture.Images;
using Aperture.Requests;

namespace Aperture.Pipelines;

/// <summary>A question of a chat and its answer.</summary>
/// <param name="Question">What was asked.</param>
/// <param name="Images">The pictures that the question showed.</param>
/// <param name="Answer">The answer, or as much of it as there was when it was stopped. Its figures are those of the turn alone.</param>
/// <param name="PrefilledRows">Rows that ran for it before its first token: those that the turns before had not run.</param>
public sealed record ChatTurn(string Question, IReadOnlyList<Image> Images, Answer Answer, int PrefilledRows)
{
    /// <summary>Whether the answer was stopped on the way, or was as long as it might be: <see cref="Chat.Continue"/> goes on with it.</summary>
    public bool CanContinue => Answer.Finish is FinishReason.Stopped or FinishReason.Length;

    /// <summary>How it was asked.</summary>
    internal GenerationOptions Options { get; init; } = new();

    /// <inheritdoc />
    public override string ToString() => $"{Question}\n{Answer}";
}
