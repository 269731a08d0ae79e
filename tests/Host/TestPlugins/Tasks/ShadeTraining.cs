using Aperture.Images;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.TestPlugins;

internal sealed record ShadeTrainingOptions : TrainingOptions;

/// <summary>Trains the weight on labels dark and bright; a sample counts as often as its field <c>times</c> says. Owns the weight.</summary>
internal sealed class ShadeTraining : ITaskTraining
{
    private static readonly TrainingPlan _defaults = new(1, 2, 0.1) { Schedule = RateSchedule.Constant, WarmUp = 0, LargestGradient = 0 };

    private readonly string _weight, _outputFolder;
    private readonly Tensor _scale;
    private readonly (float Mean, float Bright, double Times)[] _samples;

    public ShadeTraining(string name, string weight, Tensor scale, IReadOnlyList<TaskSample> samples, ShadeTrainingOptions options, string outputFolder)
    {
        (_weight, _outputFolder, _scale) = (weight, outputFolder, scale.requires_grad_(true));
        Plan = options.Plan(name, _defaults, 1, samples.Count);
        _samples = [.. samples.Select(Sample)];
    }

    public static IReadOnlyList<MethodOption> Options => TrainingOptions.Describe(_defaults, 1);

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters => new Dictionary<string, Tensor> { [_weight] = _scale };

    public TrainingStep Step(int step, IReadOnlyList<int> samples, CancellationToken cancellationToken)
    {
        Tensor means = tensor([.. samples.Select(i => _samples[i].Mean)]), bright = tensor([.. samples.Select(i => _samples[i].Bright)]); // [B]
        Tensor times = tensor([.. samples.Select(i => (float)_samples[i].Times)]); // [B]
        Tensor loss = nn.functional.binary_cross_entropy_with_logits(_scale.mul(means.sub(0.5)), bright, weight: times);
        return new TrainingStep(loss, new Dictionary<string, double> { ["scale"] = _scale.item<float>() });
    }

    public TrainingResult Save()
    {
        string file = Path.Combine(_outputFolder, "shade.safetensors");
        SafetensorsWriter.Save(file, Parameters);
        return new TrainingResult([$"scale {_scale.item<float>():0.000}"], [file]);
    }

    public void Dispose() => _scale.Dispose();

    private static (float Mean, float Bright, double Times) Sample(TaskSample sample, int index)
    {
        if (sample.Pictures.Count != 1 || !sample.Labels.Keys.All(label => label is "dark" or "bright"))
        {
            throw new ApertureException($"sample {index + 1} must have one picture and the answer dark or bright.");
        }

        using Tensor mean = ShadeClassifier.Mean(Image.Load(sample.Pictures[0]).ToPicture());
        double times = sample.Fields.TryGetValue("times", out System.Text.Json.JsonElement field) ? field.GetDouble() : 1;
        return (mean.item<float>(), (float)sample.Labels.GetValueOrDefault("bright"), times);
    }
}
