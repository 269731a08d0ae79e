using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Training;
using Aperture.Training;

namespace Aperture.Plugins.FlashSloth.Sap;

/// <summary>Makes spatial attention pooling for any model whose encoder gives a grid, and trains it.</summary>
internal sealed class SapFactory : IMethodFactory, ITrainedMethod
{
    public const string MethodName = "sap";

    public string Name => MethodName;

    public string Summary => "Turns each square of patches into one token before the projector, weighted by a trained score (FlashSloth's SAP).";

    public string Paper => FlashSlothFactory.PaperName;

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(OptionsJson.Default.SapOptions);

    public IReadOnlyList<MethodOption> TrainingOptions => SapTrainingOptions.Describe();

    public IReadOnlyList<string> WeightKeys => [SpatialPooling.Prefix + "*"];

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        SapOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.SapOptions);
        TypedWeights<SpatialPooling> pooling = new(MethodFilesOf.Sap.Load(bound.Weights, decoder, files), SpatialPooling.Load);
        try
        {
            pooling.Checked();
            return new SapReducer(pooling, bound.Pool);
        }
        catch
        {
            pooling.Dispose();
            throw;
        }
    }

    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
        => new SapTraining(model, MethodOptions.Bind(MethodName, options, OptionsJson.Default.SapTrainingOptions));
}
