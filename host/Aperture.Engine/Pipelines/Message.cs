using Aperture.Images;
using Aperture.Models;
using Aperture.Requests;

namespace Aperture.Pipelines;

/// <summary>One message of a conversation.</summary>
/// <param name="Role">Who says it.</param>
/// <param name="Text">What is said.</param>
/// <param name="Images">The pictures that it shows, in front of its text.</param>
public sealed record Message(PromptRole Role, string Text, params IReadOnlyList<Image> Images)
{
    /// <summary>A question or remark of the user's.</summary>
    /// <param name="text">What is said.</param>
    /// <param name="images">The pictures that it shows.</param>
    public static Message User(string text, params IReadOnlyList<Image> images) => new(PromptRole.User, text, images);

    /// <summary>An answer of the model's.</summary>
    /// <param name="text">What is said.</param>
    public static Message Assistant(string text) => new(PromptRole.Assistant, text);

    /// <summary>Instructions in front of a conversation.</summary>
    /// <param name="text">What is said.</param>
    public static Message System(string text) => new(PromptRole.System, text);

    internal static PromptRequest Request(IReadOnlyList<Message> messages)
        => new(
            [.. messages.Select(message => new PromptMessage(message.Role, message.Text, message.Images.Count))],
            [.. messages.SelectMany(message => message.Images)]);
}
