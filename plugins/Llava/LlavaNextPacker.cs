using Aperture.Models;
using Aperture.Vision;

namespace Aperture.Plugins.Llava;

/// <summary>
/// Packs prompts whose pictures have thousands of rows: what does not fit into the decoder's context is refused, because the question stands behind the picture
/// and would be what is cut off.
/// </summary>
/// <param name="imageToken">The id that stands for a picture.</param>
/// <param name="context">Rows that the decoder was trained for.</param>
internal sealed class LlavaNextPacker(int imageToken, int context) : PlaceholderPacker(imageToken)
{
    /// <inheritdoc/>
    public override PackedPrompt Pack(PackInput input)
    {
        int visual = input.Images.Sum(tokens => tokens.Count), text = input.Ids.Count(id => id != ImageToken);
        return text + visual <= context ? base.Pack(input) : throw new ApertureException(
            $"The prompt has {text + visual} rows, {visual} of them of {input.Images.Count} picture(s), but the decoder's context is {context}; show fewer or "
            + "smaller pictures, reduce them before the decoder (random, pooling), or write less.");
    }
}
