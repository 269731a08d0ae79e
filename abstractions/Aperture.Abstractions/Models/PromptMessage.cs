namespace Aperture.Models;

/// <summary>Who says a message.</summary>
public enum PromptRole
{
    /// <summary>Who asks.</summary>
    User,

    /// <summary>The model.</summary>
    Assistant,

    /// <summary>The instructions that stand before a conversation.</summary>
    System,
}

/// <summary>One message of a conversation, as a prompt composer sees it.</summary>
/// <param name="Role">Who says it.</param>
/// <param name="Text">What is said, without placeholders of pictures.</param>
/// <param name="Images">How many pictures it shows, in front of its text.</param>
public sealed record PromptMessage(PromptRole Role, string Text, int Images = 0);
