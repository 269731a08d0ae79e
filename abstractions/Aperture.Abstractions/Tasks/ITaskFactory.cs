using System.Text.Json;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Tasks;

/// <summary>
/// What is known of an architecture before a checkpoint of it is opened. A plugin registers it as this interface, keyed by its name; the object also is an
/// <see cref="ITaskFactory{T}"/>, which opens, and may be an <see cref="ITrainedTask"/>. Its members are called from several threads at once.
/// </summary>
public interface ITaskFactory
{
    /// <summary>The architecture's name, as users write it.</summary>
    string Name { get; }

    /// <summary>One line for lists and help: what the model is and what it makes.</summary>
    string Summary { get; }

    /// <summary>One line for lists: the files or folders that <see cref="Recognises"/> takes.</summary>
    string Checkpoints { get; }

    /// <summary>The interface of what is opened, such as <see cref="IClassifier"/>: the kind of task.</summary>
    Type Contract { get; }

    /// <summary>The options of opening, for help and for messages.</summary>
    IReadOnlyList<MethodOption> Options { get; }

    /// <summary>
    /// Whether a file or folder holds a checkpoint of the architecture, by names and shapes, not by values. Damage is told of when it is opened.
    /// </summary>
    /// <param name="checkpoint">What the user named; valid during the call.</param>
    bool Recognises(ITaskCheckpoint checkpoint);
}

/// <summary>Opens checkpoints of one architecture.</summary>
/// <typeparam name="T">What is opened: the interface of a task.</typeparam>
public interface ITaskFactory<out T> : ITaskFactory
    where T : class, ITaskModel
{
    Type ITaskFactory.Contract => typeof(T);

    /// <summary>Opens a checkpoint.</summary>
    /// <param name="checkpoint">Full path of the file or folder.</param>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="files">Finds files and folders that options name, also beside the checkpoint.</param>
    /// <returns>The model; the caller disposes it.</returns>
    /// <exception cref="ApertureException">It is no such checkpoint, or an option is unknown, out of range or missing.</exception>
    T Open(string checkpoint, JsonElement options, Device device, IMethodFiles files);
}
