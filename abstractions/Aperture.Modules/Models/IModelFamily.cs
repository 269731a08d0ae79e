using Aperture.Plugins;

namespace Aperture.Models;

/// <summary>
/// A family of models that answer in words: it recognises the folder of a checkpoint and gives the parts that the engine's one model is assembled from. A
/// plugin registers one a family, keyed by its name. Its members are called from several threads at once.
/// </summary>
/// <remarks>It stands here and not among the contracts because its parts are made with this assembly: weight policies, operations, projectors.</remarks>
public interface IModelFamily
{
    /// <summary>The name users write, such as <c>llava</c>.</summary>
    string Name { get; }

    /// <summary>One line for lists and help.</summary>
    string Summary { get; }

    /// <summary>
    /// What it recognises, a few words an entry, such as <c>config.json with model_type llava</c>: for lists, and for the message where no family recognises a
    /// folder.
    /// </summary>
    IReadOnlyList<string> Recognised { get; }

    /// <summary>Whether a folder holds a model of this family. Looks at names and configuration only; what it cannot make sense of is none of its.</summary>
    /// <param name="folder">The folder.</param>
    FamilyMatch Recognises(ModelFolder folder);

    /// <summary>Opens the parts.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="opening">How to open it; takes what was opened into its keeping.</param>
    /// <returns>The parts. Everything in them that must be disposed is in the keeping of <paramref name="opening"/>.</returns>
    /// <exception cref="ApertureException">A file is missing or damaged, or configuration and weights do not belong together.</exception>
    ModelParts Open(ModelFolder folder, ModelOpening opening);
}
