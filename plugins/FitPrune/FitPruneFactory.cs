using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.FitPrune.Calibration;

namespace Aperture.Plugins.FitPrune;

/// <summary>Makes FitPrune reducers, and fits recipes for models that have none.</summary>
internal sealed class FitPruneFactory : IMethodFactory, ICalibratedMethod, IBenchmarkedMethod
{
    public const string MethodName = "fitprune";

    public string Name => MethodName;

    public string Summary
        => "Deletes the least attended visual tokens layer by layer during prefill, as many as a fitted recipe says (FitPrune, arXiv 2409.10197).";

    public string Paper => "Fit and Prune: Fast and Training-free Visual Token Pruning for Multi-modal Large Language Models (arXiv 2409.10197)";

    public IReadOnlyList<MethodOption> Options => FitPruneOptions.Describe();

    public IReadOnlyList<MethodOption> CalibrationOptions => Calibration.CalibrationOptions.Describe();

    public IDecoderMethod Create(JsonElement options, DecoderInfo decoder, IMethodFiles files)
    {
        FitPruneOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.FitPruneOptions);
        if (decoder.VisualTokens > 0 && bound.MinVisualTokens > decoder.VisualTokens)
        {
            throw new ApertureException(
                $"{MethodName}: MinVisualTokens is {bound.MinVisualTokens}, but {decoder.Model} has {decoder.VisualTokens} visual tokens; give at most that "
                + "many.");
        }

        return new FitPruneReducer(RecipeLookup.Find(bound, decoder, files), bound);
    }

    // An official recipe deletes as many tokens of each layer whatever their scores are.
    public MethodBenchmark Benchmark(DecoderInfo decoder)
        => new($"{MethodName} 60 %", JsonElement.Parse("""{ "Recipe": "official:llava-v1.5-7b/60", "ScaleToLayers": true }"""));

    public CalibrationResult Calibrate(
        ICalibrationModel model, JsonElement options, IProgress<CalibrationProgress>? progress, CancellationToken cancellationToken)
    {
        CalibrationOptions bound = MethodOptions.Bind(MethodName, options, OptionsJson.Default.CalibrationOptions);
        return new RecipeCalibration(model, bound, progress).Run(cancellationToken);
    }
}
