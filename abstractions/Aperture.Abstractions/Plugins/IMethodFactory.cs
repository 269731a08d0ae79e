using System.Text.Json;
using Aperture.Decoding;
using Aperture.Weights;

namespace Aperture.Plugins;

/// <summary>
/// Makes configured methods. A plugin registers one a method, keyed by the method's name. Its members are called from several threads at once.
/// </summary>
public interface IMethodFactory
{
    /// <summary>The name users write: <c>model.With("name")</c>.</summary>
    string Name { get; }

    /// <summary>One line for lists and help.</summary>
    string Summary { get; }

    /// <summary>The paper that the method comes from, on one line, such as <c>Title (Authors, arXiv 0000.00000)</c>; null for none.</summary>
    string? Paper => null;

    /// <summary>The options, for help and for messages; <see cref="MethodOptions.Describe"/> reads them from the options record.</summary>
    IReadOnlyList<MethodOption> Options { get; }

    /// <summary>
    /// Names of the method's own weights that published checkpoints carry among the model's, as patterns in which <c>*</c> stands for any characters, such as
    /// <c>*layers.*.extra.weight</c>. A model that has such weights but runs without the method says so. Empty for a method without weights.
    /// </summary>
    IReadOnlyList<string> WeightKeys => [];

    /// <summary>
    /// For a method that stands beside others in every comparison, at the budget that they use: the option, one of <see cref="Options"/>, that takes a
    /// constant number of visual tokens an image. Null for every other method.
    /// </summary>
    string? BaselineOption => null;

    /// <summary>
    /// Whether the method acts before the encoder (<see cref="IReducerSites.BeforeEncoder"/>): comparisons leave such a baseline out where a model's encoder
    /// takes pictures of one size only.
    /// </summary>
    bool ActsBeforeEncoder => false;

    /// <summary>Makes the method for a model.</summary>
    /// <param name="options">A JSON object with options; property names are matched without regard to case.</param>
    /// <param name="decoder">Sizes of the model.</param>
    /// <param name="files">Finds files that options name.</param>
    /// <returns>An <see cref="ITokenReducer"/> or <see cref="ILayerRouter"/>; the caller disposes it.</returns>
    /// <exception cref="ApertureException">An option is unknown, has the wrong type or is out of range, or does not fit the model.</exception>
    IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files);
}

/// <summary>One option of a method.</summary>
/// <param name="Name">The option's name.</param>
/// <param name="Type">Its type in plain words, such as <c>number</c>, <c>text</c>, <c>list of integers</c>.</param>
/// <param name="Default">The default, as one would write it.</param>
/// <param name="Summary">One line: what it means.</param>
public sealed record MethodOption(string Name, string Type, string Default, string Summary)
{
    /// <summary>What it may be: a range such as <c>0 to below 1</c>, or its values; empty where the type says it all.</summary>
    public string Allowed { get; init; } = "";
}

/// <summary>Resolves file names that method options carry.</summary>
public interface IMethodFiles
{
    /// <summary>The full path of a file that an option names: as given, or beside the model.</summary>
    /// <param name="path">The option's value.</param>
    /// <exception cref="ApertureException">There is no such file.</exception>
    string Resolve(string path);

    /// <summary>The folder of the model, where fitted files of methods lie; null for a model that has no folder.</summary>
    string? ModelFolder { get; }

    /// <summary>The model's open checkpoint, in which a method's weights may lie; null for a model without one. Borrowed: copy what the method keeps.</summary>
    IWeightSource? Checkpoint => null;

    /// <summary>Tells the user once of something in the files that is not honoured.</summary>
    /// <param name="notice">A sentence that names the file.</param>
    void Tell(string notice)
    {
    }
}
