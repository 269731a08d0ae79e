using System.Text.Json;
using Aperture.Vision;

namespace Aperture.Plugins;

/// <summary>A method that a plugin offers, described with the host's own objects only: it stays valid when the plugin unloads.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Name">The name users write.</param>
/// <param name="Summary">One line.</param>
/// <param name="Options">Its options.</param>
public sealed record PluginMethod(string Plugin, string Name, string Summary, IReadOnlyList<MethodOption> Options)
{
    /// <summary>The paper that it comes from; null for none.</summary>
    public string? Paper { get; init; }

    /// <summary>The options of fitting it; null for one that has nothing to fit.</summary>
    public IReadOnlyList<MethodOption>? CalibrationOptions { get; init; }

    /// <summary>The options of training it; null for one that has nothing to train.</summary>
    public IReadOnlyList<MethodOption>? TrainingOptions { get; init; }

    /// <summary>The default options that <c>plugins.json</c> gives it, an object; undefined for none.</summary>
    public JsonElement Defaults { get; init; }

    /// <summary>Patterns of the weights it claims in a model's checkpoint.</summary>
    public IReadOnlyList<string> WeightKeys { get; init; } = [];

    /// <summary>
    /// For a method that stands beside others in every comparison: the option that takes a constant number of visual tokens an image; null for every other
    /// method.
    /// </summary>
    public string? BaselineOption { get; init; }

    /// <summary>Whether it acts before the encoder, which not every model's encoder allows.</summary>
    public bool ActsBeforeEncoder { get; init; }

    /// <summary>Whether a model's encoder lets it act.</summary>
    internal bool Fits(IVisionEncoder encoder) => !ActsBeforeEncoder || encoder is IScaledEncoder;
}
