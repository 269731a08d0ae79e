namespace Aperture.Decoding;

/// <summary>A method that acts on a prompt and leaves rows alone that are appended to it, such as a chat's later turns.</summary>
/// <param name="Method">Its name.</param>
/// <param name="OnlyDrops">Whether all it does there is to drop rows: then it has nothing to do in a later turn that shows no picture.</param>
internal sealed record PromptOnlyMethod(string Method, bool OnlyDrops);
