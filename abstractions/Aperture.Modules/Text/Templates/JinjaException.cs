namespace Aperture.Text;

/// <summary>A chat template uses what is not known here, or refuses a conversation; the message is the reason alone.</summary>
/// <param name="message">The reason.</param>
internal sealed class JinjaException(string message) : Exception(message);
