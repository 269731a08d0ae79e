namespace Aperture.Decoding;

/// <summary>What a hook between encoder and decoder sees of the picture it is called for.</summary>
public interface IPictureContext
{
    /// <summary>The request. Its prompts are not known yet: they are packed from the tokens that the hooks leave.</summary>
    IRequestContext Request { get; }

    /// <summary>Index of the sample in the batch whose prompt shows the picture.</summary>
    int Sample { get; }

    /// <summary>Which picture of that prompt, from 0.</summary>
    int Image { get; }
}
