using Aperture.Vision;

namespace Aperture.Decoding;

/// <summary>A hook before the encoder, told under its method's name.</summary>
/// <param name="Method">The method's name.</param>
/// <param name="Hook">The hook.</param>
internal sealed record EncoderHook(string Method, BeforeEncoderHook Hook)
{
    private HookSite Site => new(Method, "before the encoder");

    /// <summary>The rows that a picture may have after this hook.</summary>
    /// <param name="context">The picture.</param>
    /// <param name="rows">Rows that it would have.</param>
    /// <exception cref="ApertureException">The hook threw, or left none.</exception>
    public int Rows(IPictureContext context, int rows)
    {
        int most = Site.Call(() => Hook(context, rows));
        return most > 0 ? most : throw Site.Refusal($"asked for {most} rows of a picture that has {rows}; give 1 or more");
    }

    /// <summary>A model's encoder, for a picture in less detail.</summary>
    /// <param name="encoder">The encoder.</param>
    /// <param name="model">The model's name.</param>
    /// <exception cref="ApertureException">It takes pictures of one size only.</exception>
    public IScaledEncoder Encoder(IVisionEncoder encoder, string model)
        => encoder as IScaledEncoder ?? throw new ApertureException(
            $"{Method} has the vision encoder look at smaller pictures, but that of {model} takes pictures of one size; reduce its tokens instead.");
}
