using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Plugins.FlashSloth.Training;
using Aperture.Training;

namespace Aperture.Plugins.FlashSloth;

/// <summary>Makes what is FlashSloth's own in a FlashSloth, and trains one in its two stages.</summary>
internal sealed class FlashSlothFactory : IMethodFactory, ITrainedMethod
{
    public const string MethodName = "flashsloth";

    public const string PaperName = "FlashSloth: Lightning Multimodal Large Language Models via Embedded Visual Compression (CVPR 2025, arXiv 2412.04317)";

    public string Name => MethodName;

    public string Summary => "Pools a FlashSloth's patches and lets its queries look at them inside the decoder; part of every FlashSloth.";

    public string Paper => PaperName;

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(OptionsJson.Default.FlashSlothOptions);

    public IReadOnlyList<MethodOption> TrainingOptions => FlashSlothTrainingOptions.Describe();

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        FlashSlothOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.FlashSlothOptions);
        TypedWeights<SpatialPooling>? pooling = null;
        TypedWeights<EmbeddedQuery>? block = null;
        try
        {
            if (bound.PoolMode == PoolMode.Attention)
            {
                pooling = new(MethodFilesOf.Sap.Own(MethodName, decoder, files.Checkpoint), SpatialPooling.Load);
                pooling.Checked();
            }

            if (bound.EmbQ)
            {
                block = EmbqFactory.Block(MethodFilesOf.Embq.Own(MethodName, decoder, files.Checkpoint), decoder, bound.FuseValueProjection, owns: true);
                if (block.Checked().Weights.Hidden is var hidden && hidden != decoder.HiddenSize)
                {
                    throw new ApertureException(
                        $"{MethodName}: the queries' block is {hidden} wide, but the rows of {decoder.Model} are {decoder.HiddenSize}; these weights are of "
                        + "another model.");
                }
            }

            return new FlashSlothReducer(bound, pooling, block);
        }
        catch
        {
            pooling?.Dispose();
            block?.Dispose();
            throw;
        }
    }

    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
        => new FlashSlothTraining(model, MethodOptions.Bind(MethodName, options, OptionsJson.Default.FlashSlothTrainingOptions));
}
