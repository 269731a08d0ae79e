using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>A training run's state in one safetensors file, which is replaced only by a complete one: a run may be stopped at any time.</summary>
internal sealed class ShelfCheckpoint(string folder)
{
    private const string StagePlace = "run.stage", StepPlace = "run.step", ScorePlace = "run.scores", OptimizerPrefix = "optimizer.";

    public string File { get; } = Path.Combine(folder, "checkpoint.safetensors");

    public bool Exists => System.IO.File.Exists(File);

    public void Save(ShelfParameters parameters, AdamMuon? optimizer, int stage, int step, double[] scores)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> tensors = new()
        {
            [StagePlace] = tensor((long)stage),
            [StepPlace] = tensor((long)step),
            [ScorePlace] = tensor(scores),
        };
        foreach ((string name, Tensor tensor) in parameters.Tensors)
        {
            tensors[name] = tensor;
        }

        foreach ((string name, Tensor tensor) in optimizer?.State ?? new Dictionary<string, Tensor>())
        {
            tensors[OptimizerPrefix + name] = tensor;
        }

        SafetensorsWriter.Save(File, tensors);
    }

    /// <summary>Which stage and step the file stands at, and the running scores.</summary>
    public (int Stage, int Step, double[] Scores) Position()
    {
        using IWeightSource source = WeightFiles.Open(File);
        using Tensor stage = source.Load(StagePlace), step = source.Load(StepPlace), scores = source.Load(ScorePlace);
        return ((int)stage.item<long>(), (int)step.item<long>(), scores.data<double>().ToArray());
    }

    public void LoadParameters(ShelfParameters parameters, Func<string, bool> wanted)
    {
        using IWeightSource source = WeightFiles.Open(File);
        foreach ((string name, Tensor tensor) in parameters.Tensors)
        {
            if (wanted(name))
            {
                Copy(source, name, tensor);
            }
        }
    }

    public void LoadOptimizer(AdamMuon optimizer)
    {
        using IWeightSource source = WeightFiles.Open(File);
        foreach ((string name, Tensor tensor) in optimizer.State)
        {
            Copy(source, OptimizerPrefix + name, tensor);
        }
    }

    private void Copy(IWeightSource source, string name, Tensor target)
    {
        using IDisposable quiet = no_grad();
        using Tensor stored = source.Load(name);
        if (!stored.shape.AsSpan().SequenceEqual(target.shape))
        {
            throw new ApertureException($"{File}: {name} has another shape than this version's model; train in a new folder.");
        }

        target.copy_(stored);
    }
}
