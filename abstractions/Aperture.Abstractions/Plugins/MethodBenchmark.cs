using System.Text.Json;
using Aperture.Weights;

namespace Aperture.Plugins;

/// <summary>How a method is timed on a decoder of random weights.</summary>
/// <param name="Label">Method and settings in words, such as <c>pruned by 60 %</c>.</param>
/// <param name="Options">The settings: a JSON object as <see cref="IMethodFactory.Create"/> takes it.</param>
public sealed record MethodBenchmark(string Label, JsonElement Options)
{
    /// <summary>
    /// Draws the method's own weights at random, under the names that published checkpoints give them; <see cref="IMethodFactory.Create"/> finds them as
    /// <see cref="IMethodFiles.Checkpoint"/>. Called while the plugin is loaded, once for each method that is made; the caller disposes what it gives.
    /// Null for a method without weights of its own.
    /// </summary>
    public Func<IWeightSource>? DrawWeights { get; init; }
}
