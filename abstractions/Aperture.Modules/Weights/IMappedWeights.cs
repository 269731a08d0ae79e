namespace Aperture.Weights;

/// <summary>Weights whose stored bytes are mapped files: memory that was only read can be given back while the source stays open.</summary>
public interface IMappedWeights : IWeightSource
{
    /// <summary>
    /// Gives the memory of one tensor's stored bytes back to the system, for use after it was converted or copied.
    /// Tensors over the same bytes stay valid: reading them fetches the bytes from the file again.
    /// </summary>
    /// <param name="name">The checkpoint's name of the tensor.</param>
    /// <exception cref="ApertureException">No tensor has this name.</exception>
    void ReleasePages(string name);

    /// <summary>Gives the memory of all files behind this source back to the system; see <see cref="ReleasePages(string)"/>.</summary>
    void ReleasePages();
}
