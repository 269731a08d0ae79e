using Aperture.Models;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.Eas.Meter;

/// <summary>Trains EAS's adapters on a METER around the attentions that are skipped: the second phase of EAS, after a search. Owns the objective.</summary>
/// <param name="objective">Model and loss.</param>
/// <param name="arms">What is skipped.</param>
/// <param name="legacyArmMap">How the arms are meant.</param>
/// <param name="outputFolder">Where the result goes.</param>
internal sealed class MeterTraining(MeterObjective objective, int[] arms, bool legacyArmMap, string outputFolder) : ITaskTraining
{
    private const string AdaptersFile = "meter-eas.safetensors", SkipFile = "meter-eas.json", LabelsFile = "labels.json";

    private readonly MeterPlan _plan = MeterPlan.FromArms(arms, objective.Layers, legacyArmMap);

    public TrainingPlan Plan => objective.Plan;

    public IReadOnlyDictionary<string, Tensor> Parameters => objective.Parameters;

    public double RateScale(string name) => objective.RateScale(name);

    public TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken)
    {
        (Tensor loss, double score) = objective.Run(samples, _plan, step, cancellationToken);
        return new TrainingStep(loss, new Dictionary<string, double> { ["score"] = score });
    }

    public TrainingResult Save()
    {
        string weights = Path.Combine(outputFolder, AdaptersFile), skip = Path.Combine(outputFolder, SkipFile), labels = Path.Combine(outputFolder, LabelsFile);
        bool named = objective.Task.Labels is null;
        SafetensorsWriter.Save(weights, objective.Parameters);
        MeterFiles.Write(skip, new MeterSkipFile("METER", objective.Task.Name, "meter24", arms));
        if (named)
        {
            MeterFiles.Write(labels, objective.Labels.Names);
        }

        string[] files = [weights, skip, .. named ? [labels] : Array.Empty<string>()];
        return new TrainingResult(
            [
                $"open it on the checkpoint it was trained from, with Adapters, Skip{(named ? " and Labels" : "")} set to "
                + $"{string.Join(", ", files.Select(Path.GetFileName))}",
            ], files);
    }

    public void Dispose() => objective.Dispose();
}
