using System.Text.Json;
using Aperture.Decoding;
using Aperture.Plugins.FlashSloth.Training;
using Aperture.Training;
using Aperture.Weights;

namespace Aperture.Plugins.FlashSloth.Embq;

/// <summary>Makes embedded queries for any model that shows pictures, and trains them.</summary>
internal sealed class EmbqFactory : IMethodFactory, ITrainedMethod
{
    public const string MethodName = "embq";

    public string Name => MethodName;

    public string Summary
        => "Adds a few learned rows behind each picture that look at its raw patches with the question in mind, inside the decoder (FlashSloth's EmbQ).";

    public string Paper => FlashSlothFactory.PaperName;

    public IReadOnlyList<MethodOption> Options => MethodOptions.Describe(OptionsJson.Default.EmbqOptions);

    public IReadOnlyList<MethodOption> TrainingOptions => EmbqTrainingOptions.Describe();

    public IReadOnlyList<string> WeightKeys => [EmbqWeights.Prefix + "*", LearnedQueries.Published];

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        EmbqOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.EmbqOptions);
        TensorWeights weights = MethodFilesOf.Embq.Load(bound.Weights, decoder, files);
        TypedWeights<LearnedQueries> queries = new(weights, LearnedQueries.Load);
        TypedWeights<EmbeddedQuery> block = Block(weights, decoder, bound.FuseValueProjection, owns: false);
        EmbqReducer reducer = new(queries, block, bound.Layer);
        try
        {
            Check(MethodName, queries.Checked(), block.Checked(), decoder);
            return reducer;
        }
        catch
        {
            reducer.Dispose();
            throw;
        }
    }

    public ITrainingRun BeginTraining(ITrainingModel model, JsonElement options)
        => new EmbqTraining(model, MethodOptions.Bind(MethodName, options, OptionsJson.Default.EmbqTrainingOptions));

    /// <summary>The block over weights.</summary>
    public static TypedWeights<EmbeddedQuery> Block(IWeightSource weights, DecoderInfo decoder, bool fuseValues, bool owns)
        => new(weights, (source, policy) => new EmbeddedQuery(EmbqWeights.Load(source, policy), decoder.Heads, fuseValues).Checked(), owns);

    /// <summary>Checks that weights are of a decoder.</summary>
    /// <exception cref="ApertureException">They are not.</exception>
    public static void Check(string method, LearnedQueries queries, EmbeddedQuery block, DecoderInfo decoder)
    {
        int width = (int)queries.Rows.size(1);
        if (width != decoder.HiddenSize || block.Weights.Hidden != decoder.HiddenSize)
        {
            throw new ApertureException(
                $"{method}: the queries are {width} wide and their block {block.Weights.Hidden}, but the rows of {decoder.Model} are {decoder.HiddenSize}; "
                + "these weights are of another model.");
        }
    }
}
