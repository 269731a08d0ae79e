using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>
/// The state of a method's training in one safetensors file, replaced only by a complete one: a run may be killed at any time. The file knows which run it
/// belongs to,
/// so that another method, other options or other samples do not go on from it by mistake.
/// </summary>
internal sealed class TrainingCheckpoint(string folder, string run)
{
    private const string StepPlace = "run.step", RunPlace = "run.fingerprint", Parameters = "parameter.", Optimizer = "optimizer.", States = "state.";

    /// <summary>Name of the file in a run's folder.</summary>
    public const string FileName = "checkpoint.safetensors";

    /// <summary>The file.</summary>
    public string File { get; } = Path.Combine(folder, FileName);

    /// <summary>Copies what another run trained into the parameters of the same names; all others stay as they are.</summary>
    /// <param name="file">That run's file.</param>
    /// <param name="parameters">Parameters by name; borrowed.</param>
    /// <exception cref="ApertureException">The file is no checkpoint, or a shape differs.</exception>
    public static void CopyParameters(string file, IReadOnlyDictionary<string, Tensor> parameters)
    {
        using IWeightSource source = WeightFiles.Open(file);
        Copy(file, source, Parameters, parameters.Where(parameter => source.Contains(Parameters + parameter.Key)));
    }

    /// <summary>Saves everything a continued run needs.</summary>
    public void Save(int step, ITraining training, IOptimizer optimizer)
    {
        using DisposeScope scope = NewDisposeScope();
        Dictionary<string, Tensor> tensors = new()
        {
            [StepPlace] = tensor((long)step),
            [RunPlace] = tensor(System.Text.Encoding.UTF8.GetBytes(run)),
        };
        Add(tensors, Parameters, training.Parameters);
        Add(tensors, Optimizer, optimizer.State);
        Add(tensors, States, training.State);
        SafetensorsWriter.Save(File, tensors);
    }

    /// <summary>Restores a run, if there is one.</summary>
    /// <returns>The steps it has done; 0 where there is none.</returns>
    /// <exception cref="ApertureException">The checkpoint is another run's.</exception>
    public int Restore(ITraining training, IOptimizer optimizer)
    {
        if (!System.IO.File.Exists(File))
        {
            return 0;
        }

        using IWeightSource source = WeightFiles.Open(File);
        string other = source.Contains(RunPlace) ? Text(source) : "something else";
        if (other != run)
        {
            throw new ApertureException($"'{File}' belongs to another run ({other}), not to {run}; "
                + "give the same method, options and data to go on, or another folder.");
        }

        Copy(File, source, Parameters, training.Parameters);
        Copy(File, source, Optimizer, optimizer.State);
        Copy(File, source, States, training.State);
        using Tensor step = source.Load(StepPlace);
        return (int)step.item<long>();
    }

    private static string Text(IWeightSource source)
    {
        using Tensor text = source.Load(RunPlace);
        return System.Text.Encoding.UTF8.GetString([.. text.data<byte>()]);
    }

    private static void Add(Dictionary<string, Tensor> tensors, string prefix, IReadOnlyDictionary<string, Tensor> added)
    {
        foreach ((string name, Tensor tensor) in added)
        {
            tensors[prefix + name] = tensor;
        }
    }

    private static void Copy(string file, IWeightSource source, string prefix, IEnumerable<KeyValuePair<string, Tensor>> targets)
    {
        using IDisposable quiet = no_grad();
        foreach ((string name, Tensor target) in targets)
        {
            using Tensor stored = source.Load(prefix + name);
            if (!stored.shape.AsSpan().SequenceEqual(target.shape))
            {
                throw new ApertureException($"{file}: {name} has another shape than this run's; give another folder.");
            }

            target.copy_(stored);
        }
    }
}
