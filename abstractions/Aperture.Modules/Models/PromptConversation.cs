using Aperture.Measuring;

namespace Aperture.Models;

/// <summary>A conversation checked and put into turns, as prompt composers need it.</summary>
/// <param name="System">The instructions in front; null for the template's own.</param>
/// <param name="Turns">Questions with their answers; the last has none.</param>
public sealed record PromptConversation(string? System, IReadOnlyList<(PromptMessage Question, string? Answer)> Turns)
{
    /// <summary>The number of pictures that all questions show.</summary>
    public int Images => Turns.Sum(turn => turn.Question.Images);

    /// <summary>Checks messages and puts them into turns.</summary>
    /// <param name="messages">An optional system message, then user and assistant in turns, the user first and last.</param>
    /// <exception cref="ApertureException">The order is another, or a question is empty.</exception>
    public static PromptConversation Of(IReadOnlyList<PromptMessage> messages)
    {
        string? system = messages.Count > 0 && messages[0].Role == PromptRole.System ? messages[0].Text : null;
        PromptMessage[] rest = [.. messages.Skip(system is null ? 0 : 1)];
        if (rest.Length % 2 == 0)
        {
            throw new ApertureException(rest.Length == 0
                ? "The conversation has no question; write what you want to know."
                : "The conversation ends with the model's message; end it with the user's, which is to be answered.");
        }

        List<(PromptMessage, string?)> turns = [];
        for (int i = 0; i < rest.Length; i++)
        {
            PromptRole expected = i % 2 == 0 ? PromptRole.User : PromptRole.Assistant;
            if (rest[i].Role != expected)
            {
                throw new ApertureException(
                    $"Message {i + 1} is from {rest[i].Role} where {expected} speaks; user and assistant take turns, the user first and last.");
            }

            if (expected == PromptRole.Assistant)
            {
                continue;
            }

            if (string.IsNullOrWhiteSpace(rest[i].Text))
            {
                throw new ApertureException("The question is empty; write what you want to know.");
            }

            turns.Add((rest[i], i + 1 < rest.Length ? rest[i + 1].Text : null));
        }

        return new PromptConversation(system, turns);
    }
}
