using System.Text.Json;
using System.Text.Json.Serialization;
using Aperture.Plugins;
using Aperture.Tasks;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.TestPlugins;

/// <summary>Opens and trains a logistic regression on a picture's mean brightness; its one weight is a tensor of a checkpoint.</summary>
internal sealed class ShadeFactory(string name, string weight) : ITaskFactory<IClassifier>, ITrainedTask
{
    public string Name => name;

    public string Summary => "Tells bright pictures from dark ones.";

    public string Checkpoints => $"A weights file with {weight}.";

    public IReadOnlyList<MethodOption> Options => [new(nameof(ShadeOptions.Sharpness), "number", "1", "Factor on the weight, above 0.")];

    public IReadOnlyList<MethodOption> TrainingOptions => ShadeTraining.Options;

    public bool Recognises(ITaskCheckpoint checkpoint)
        => checkpoint.Path.EndsWith("poison.safetensors", StringComparison.Ordinal)
            ? throw new InvalidOperationException("bitter")
            : checkpoint.Weights?.Contains(weight) == true;

    public IClassifier Open(string checkpoint, JsonElement options, Device device, IMethodFiles files)
    {
        ShadeOptions bound = MethodOptions.Bind(name, options, ShadeJson.Default.ShadeOptions);
        using IWeightSource source = WeightFiles.Open(checkpoint);
        return new ShadeClassifier(name, source.LoadCopy(weight, ScalarType.Float32), (float)bound.Sharpness);
    }

    public ITaskTraining BeginTraining(
        string checkpoint, IReadOnlyList<TaskSample> samples, JsonElement options, Device device, IMethodFiles files, string outputFolder)
    {
        ShadeTrainingOptions bound = MethodOptions.Bind(name, options, ShadeJson.Default.ShadeTrainingOptions);
        using IWeightSource source = WeightFiles.Open(checkpoint);
        return new ShadeTraining(name, weight, source.LoadCopy(weight, ScalarType.Float32), samples, bound, outputFolder);
    }
}

internal sealed record ShadeOptions : IMethodOptions
{
    public double Sharpness { get; set; } = 1;

    public void Validate()
    {
        if (!(Sharpness > 0))
        {
            throw new ApertureException($"Sharpness is {Sharpness}; give a number above 0.");
        }
    }
}

[JsonSourceGenerationOptions(PropertyNameCaseInsensitive = true)]
[JsonSerializable(typeof(ShadeOptions))]
[JsonSerializable(typeof(ShadeTrainingOptions))]
internal sealed partial class ShadeJson : JsonSerializerContext;
