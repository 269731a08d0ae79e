using Aperture.Weights;

namespace Aperture.Tasks;

/// <summary>
/// A file or folder that may be a checkpoint of some architecture, as <see cref="ITaskFactory.Recognises"/> looks at it. Nothing of it is read twice,
/// whoever looks.
/// </summary>
public interface ITaskCheckpoint
{
    /// <summary>Full path.</summary>
    string Path { get; }

    /// <summary>Whether it is a folder.</summary>
    bool IsFolder { get; }

    /// <summary>Whether there is a file of a name in the folder. Always false for a file.</summary>
    /// <param name="relative">Path from the folder, such as <c>unet/config.json</c>.</param>
    bool Has(string relative);

    /// <summary>
    /// The weights in the file, or those of the folder in the Hugging Face layout; null where there are none that can be read so. An architecture with a
    /// format of its own looks at <see cref="Path"/> instead. Borrowed: valid during the call.
    /// </summary>
    IWeightSource? Weights { get; }
}
