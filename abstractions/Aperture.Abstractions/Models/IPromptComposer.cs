namespace Aperture.Models;

/// <summary>Writes conversations as token ids in the form that a model was trained on. Immutable; may be shared between threads.</summary>
public interface IPromptComposer
{
    /// <summary>Composes a conversation whose next message is the model's.</summary>
    /// <param name="messages">The messages in order; the last is the user's.</param>
    /// <returns>Token ids, the packer's placeholder once for each picture.</returns>
    /// <exception cref="ApertureException">
    /// A message is empty or holds a placeholder of its own, or the model's form cannot hold such a conversation.
    /// </exception>
    int[] Compose(IReadOnlyList<PromptMessage> messages);

    /// <summary>Composes a conversation with its answers, as the model's own training code does.</summary>
    /// <param name="messages">User and model in turns, the user first.</param>
    /// <returns>Token ids with labels.</returns>
    /// <exception cref="ApertureException">The model's form cannot hold such a conversation.</exception>
    LabelledPrompt Label(IReadOnlyList<PromptMessage> messages);
}

/// <summary>A conversation as token ids with labels.</summary>
/// <param name="Ids">Token ids, the packer's placeholder once for each picture.</param>
/// <param name="Labels">The label of every id: the id itself where the loss counts it, else <see cref="Ignored"/>.</param>
public sealed record LabelledPrompt(int[] Ids, int[] Labels)
{
    /// <summary>The label of an id that the loss leaves out.</summary>
    public const int Ignored = -100;
}
