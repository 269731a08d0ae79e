using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Requests;

/// <summary>What is asked: a conversation and its pictures, to be seen or seen already.</summary>
/// <param name="Messages">The conversation.</param>
/// <param name="Images">Its pictures in order; none where they were seen already.</param>
/// <param name="Seen">The pictures as they were seen; null where they are still to be.</param>
internal sealed record PromptRequest(IReadOnlyList<PromptMessage> Messages, IReadOnlyList<Image> Images, Seen? Seen = null)
{
    /// <summary>The pictures, however they come.</summary>
    public IReadOnlyList<Image> Pictures => Seen?.Images ?? Images;

    /// <summary>One question about pictures.</summary>
    public static PromptRequest Of(string question, IReadOnlyList<Image> images) => new([new PromptMessage(PromptRole.User, question, images.Count)], images);

    /// <summary>One question about pictures that were seen.</summary>
    public static PromptRequest Of(string question, Seen seen) => new([new PromptMessage(PromptRole.User, question, seen.Images.Count)], [], seen);
}
