using System.Text.Json;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>Opens classifiers of one architecture. A plugin registers it keyed by its name.</summary>
public interface IVisionLanguageClassifierFactory
{
    /// <summary>The name users write.</summary>
    string Name { get; }

    /// <summary>One line for lists and help.</summary>
    string Summary { get; }

    /// <summary>The options, for help and for messages.</summary>
    IReadOnlyList<MethodOption> Options { get; }

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="checkpoint">The weights file.</param>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds files and folders that options name.</param>
    /// <returns>The classifier; the caller disposes it.</returns>
    /// <exception cref="ApertureException">The file is no such checkpoint, or an option is unknown, out of range or missing.</exception>
    IVisionLanguageClassifier Open(string checkpoint, JsonElement options, Device device, IMethodFiles files);
}
