using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Plugins.DyVte.Training;
using Aperture.Training;

namespace Aperture.Plugins.DyVte;

/// <summary>Makes DyVTE reducers, and trains gates for models that have none.</summary>
internal sealed class DyVteFactory : IMethodFactory, ITrainedMethod, IBenchmarkedMethod
{
    public const string MethodName = "dyvte";

    public string Name => MethodName;

    public string Summary => "Lets all visual tokens go after the first layer whose gate says that the text has read them (DyVTE, arXiv 2411.19628).";

    public string Paper => "Accelerating Multimodal Large Language Models via Dynamic Visual-Token Exit and the Empirical Findings (arXiv 2411.19628)";

    public IReadOnlyList<MethodOption> Options => DyVteOptions.Describe();

    public IReadOnlyList<string> WeightKeys => ["*visual_gates_router.*"];

    public IReadOnlyList<MethodOption> TrainingOptions => GateTrainingOptions.Describe();

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        DyVteOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.DyVteOptions);
        bound.CheckLayers(decoder);
        return new ExitReducer(bound, bound.NeedsGates ? GateFiles.Open(bound, decoder, files) : null);
    }

    // At a fixed layer no gate decides, and none is needed.
    public MethodBenchmark? Benchmark(DecoderInfo decoder)
        => decoder.Layers < 2 ? null : new($"{MethodName}, exit half-way", JsonElement.Parse($$"""{ "FixedExitLayer": {{(decoder.Layers / 2) - 1}} }"""));

    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
        => new GateTraining(model, MethodOptions.Bind(MethodName, options, OptionsJson.Default.GateTrainingOptions));
}
