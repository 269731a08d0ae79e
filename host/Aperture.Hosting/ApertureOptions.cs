using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Hosting;

/// <summary>What a program serves. The section <see cref="Section"/> of its configuration is read into it first.</summary>
public sealed class ApertureOptions
{
    /// <summary>The section of the configuration.</summary>
    public const string Section = "Aperture";

    /// <summary>How models are opened where a pipeline does not say; <c>Aperture:Models</c>, with the names that a pipeline's options have.</summary>
    public ModelOptions Models { get; set; } = new();

    /// <summary>
    /// The pipelines by their keys; <c>Aperture:Pipelines:KEY</c> is an object as a pipeline's file has it, or the path of such a file.
    /// </summary>
    public IDictionary<string, PipelineSpec> Pipelines { get; } = new Dictionary<string, PipelineSpec>(StringComparer.Ordinal);

    /// <summary>Whether starting the program opens the models and builds the pipelines, so that it does not start with one that cannot be had.</summary>
    public bool LoadOnStart { get; set; } = true;

    /// <summary>
    /// Whether pipelines start behind what an earlier question left (<see cref="Pipeline.KeepPrefixes"/>): pictures and instructions recur where questions are
    /// served.
    /// </summary>
    public bool KeepPrefixes { get; set; } = true;

    /// <summary>Bytes that each model may hold of earlier questions for it.</summary>
    public long PrefixMemory { get; set; } = new EngineOptions().PrefixMemory;

    /// <summary>What of the configuration cannot be read, a line each.</summary>
    internal List<string> Problems { get; } = [];
}
