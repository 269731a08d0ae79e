using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Paths;

/// <summary>Keeps the routers' weights of a batch on their way to who listens, and tells which cells each picture passed.</summary>
/// <param name="listener">Who listens; null for nobody.</param>
internal sealed class PathTrace(ITaskTrace? listener) : ITaskTrace
{
    private const string Prefix = "paths.";
    private readonly List<(int Cells, float[] Weights)> _stages = [];
    private int _models;

    /// <summary>Whether somebody wants paths: values that begin with <c>paths</c>, or previews.</summary>
    /// <param name="run">Who listens.</param>
    public static bool WantedBy(TaskRun run)
        => run.Wants(Prefix + "passed") || run.Wants(Prefix + "count") || run.Wants(Prefix + "weights") || (run.WantsPreviews && run.Progress is not null);

    public bool Wants(string name) => IsRoute(name) || listener?.Wants(name) == true;

    public void Value(string name, Tensor value)
    {
        // Of several models that caption together the first one's paths are told.
        if (IsRoute(name))
        {
            _models += name == "layer0.route_spatial" ? 1 : 0;
            if (_models == 1)
            {
                using Tensor host = value.detach().cpu();
                using Tensor dense = host.contiguous();
                _stages.Add(((int)value.size(1), dense.data<float>().ToArray()));
            }
        }

        if (listener?.Wants(name) == true)
        {
            listener.Value(name, value);
        }
    }

    /// <summary>The paths of a picture of the batch.</summary>
    /// <param name="picture">Its place in the batch.</param>
    /// <param name="threshold">The weight from which on a cell is passed.</param>
    public CaptionPaths Of(int picture, double threshold)
        => new([.. _stages.Select(stage => stage.Weights.AsSpan(picture * stage.Cells, stage.Cells).ToArray())], threshold);

    /// <summary>
    /// Tells who listens: <c>paths.weights</c> and <c>paths.passed</c> <c>[B, stages, 3]</c>, filled up with zeros in stages of two cells, and
    /// <c>paths.count</c> <c>[B]</c>.
    /// </summary>
    /// <param name="run">Who listens.</param>
    /// <param name="threshold">The weight from which on a cell is passed.</param>
    public void Tell(TaskRun run, double threshold)
    {
        if (_stages.Count == 0 || run.Trace is null)
        {
            return;
        }

        using DisposeScope scope = NewDisposeScope();
        int pictures = _stages[0].Weights.Length / _stages[0].Cells, widest = _stages.Max(stage => stage.Cells);
        CaptionPaths[] paths = [.. Enumerable.Range(0, pictures).Select(picture => Of(picture, threshold))];
        float[] Filled(IEnumerable<float> cells) => [.. cells, .. Enumerable.Repeat(0f, widest - cells.Count())];
        long[] shape = [pictures, _stages.Count, widest];
        run.Value(Prefix + "weights", tensor(paths.SelectMany(path => path.Weights).SelectMany(Filled).ToArray(), shape));
        run.Value(
            Prefix + "passed",
            tensor(paths.SelectMany(path => path.Passed).SelectMany(stage => Filled(stage.Select(passed => passed ? 1f : 0f))).ToArray(), shape));
        run.Value(Prefix + "count", tensor(paths.Select(path => (float)path.Count).ToArray()));
    }

    private static bool IsRoute(string name)
        => name.StartsWith("layer", StringComparison.Ordinal)
            && (name.EndsWith(".route_spatial", StringComparison.Ordinal) || name.EndsWith(".route_channel", StringComparison.Ordinal));
}
