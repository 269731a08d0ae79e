using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Collects what a checkpoint lacks for training a task, and the position table of another image size.</summary>
internal static class MeterStart
{
    /// <summary>The missing parts under published names; the caller disposes them.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="config">Its sizes.</param>
    /// <param name="task">The task.</param>
    /// <param name="labels">Number of its labels.</param>
    /// <param name="options">The user's options.</param>
    /// <param name="seed">Seed of what is drawn.</param>
    /// <exception cref="ApertureException">The checkpoint's head has other labels, or cannot start retrieval.</exception>
    public static TensorWeights Create(IWeightSource source, MeterConfig config, MeterTask task, int labels, MeterTrainingOptions options, long seed)
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = new(unchecked((ulong)seed), CPU);
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        if (!config.Adapted)
        {
            tensors = MeterInitialisation.Adapters(config, options.AdapterWidth, options.ReplacementWidth, generator);
            tensors[MeterKeys.ClassifierToken] = MeterInitialisation.ClassifierToken(source, config);
        }

        foreach ((string name, Tensor tensor) in Head(source, config, task, labels, generator))
        {
            tensors[name] = tensor;
        }

        if (task.Pictures > 1 && config.TokenTypes == 2)
        {
            tensors[MeterKeys.TokenTypes] = MeterInitialisation.TokenTypesForTwo(source);
        }

        if (options.ImageSize is { } size)
        {
            using TensorWeights resampled = MeterCheckpoint.Resampled(source, size);
            tensors[MeterKeys.VisionPositions] = resampled.LoadCopy(MeterKeys.VisionPositions);
        }

        foreach (Tensor tensor in tensors.Values)
        {
            tensor.DetachFromDisposeScope();
        }

        return new TensorWeights(tensors);
    }

    private static Dictionary<string, Tensor> Head(IWeightSource source, MeterConfig config, MeterTask task, int labels, Generator generator)
    {
        int pooled = 2 * config.Width;
        if (task.Labels is [])
        {
            return Ranking(source, task);
        }

        string last = task.Head + ".3.weight";
        if (!source.Contains(last))
        {
            return MeterInitialisation.Head(task.Head, task.Pictures * pooled, pooled, labels, generator);
        }

        long stored = source.Describe(last).Shape[0];
        return stored == labels
            ? []
            : throw new ApertureException(
                $"{MeterFactory.ClassifierName}: the checkpoint's {task.Name} head chooses among {stored} labels, but there are {labels}; give its list as "
                + "Labels, or a checkpoint without this head.");
    }

    // Retrieval starts from the logit of yes of matching.
    private static Dictionary<string, Tensor> Ranking(IWeightSource source, MeterTask task)
    {
        if (!source.Contains("itm_score.fc.weight"))
        {
            throw new ApertureException(
                $"{MeterFactory.ClassifierName}: {task.Name} is trained from a checkpoint with a matching head (itm_score), which this one lacks; take a "
                + "pre-trained one.");
        }

        if (source.Contains(task.Head + ".weight"))
        {
            return [];
        }

        Dictionary<string, Tensor> tensors = [];
        foreach (string part in new[] { "weight", "bias" })
        {
            Tensor both = source.LoadCopy($"itm_score.fc.{part}", ScalarType.Float32);
            tensors[$"{task.Head}.{part}"] = both.narrow(0, 1, 1).clone();
        }

        return tensors;
    }
}
