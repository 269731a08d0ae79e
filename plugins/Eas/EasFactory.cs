using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.Eas.Training;
using Aperture.Training;

namespace Aperture.Plugins.Eas;

/// <summary>Makes EAS routers, searches for attention that a task does not need, and trains adapters.</summary>
internal sealed class EasFactory : IMethodFactory, ITrainedMethod, IBenchmarkedMethod
{
    public const string MethodName = "eas";

    public string Name => MethodName;

    public string Summary => "Leaves out attention sub-layers that a task does not need and puts adapters in their place (EAS, arXiv 2403.15226).";

    public string Paper
        => "Not All Attention is Needed: Parameter and Computation Efficient Transfer Learning for Multi-modal Large Language Models (arXiv 2403.15226)";

    public IReadOnlyList<MethodOption> Options => EasOptions.Describe();

    public IReadOnlyList<string> WeightKeys => ["*layers.*.adapter_attn.*", "*layers.*.replaced_adapter.*", "*resblocks.*.adapter_attn.*"];

    public IReadOnlyList<MethodOption> TrainingOptions => EasTrainingOptions.DescribeAll();

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        EasOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.EasOptions);
        int[]? given = SkipList.IsGiven(bound.SkipLayers) ? SkipList.Read(bound.SkipLayers!.Value, decoder, files) : null;
        EasAdapters adapters = EasFiles.Load(bound, decoder, files);
        try
        {
            int[] skipped = given ?? SkipList.Implied(adapters, decoder);
            SkipList.Check(skipped, adapters, decoder);
            return new EasRouter(adapters, skipped.ToHashSet(), EasSettings.Of(bound, adapters.Query));
        }
        catch
        {
            adapters.Dispose();
            throw;
        }
    }

    public MethodBenchmark? Benchmark(DecoderInfo decoder) => AdapterBenchmark.Of(decoder);

    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
    {
        EasTrainingOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.EasTrainingOptions);
        return bound.Stage == TrainingStage.Search ? new SearchTraining(model, bound) : new AdapterTraining(model, bound);
    }
}
