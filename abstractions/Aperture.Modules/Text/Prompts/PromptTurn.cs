namespace Aperture.Text;

/// <summary>One exchange of a conversation.</summary>
/// <param name="User">What the user says; <c>&lt;image&gt;</c> stands for an image.</param>
/// <param name="Answer">The answer, or null where the model is to give it.</param>
public sealed record PromptTurn(string User, string? Answer = null);
