using System.Text.Json;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Plugins;
using Aperture.Plugins.FitPrune.Calibration;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>The model and samples of a calibration case, and a folder of its own for what is written.</summary>
internal sealed class CalibrationCase : ICalibrationModel, IDisposable
{
    private readonly GoldenCase _golden;
    private readonly PrunedDecoder _model;
    private readonly int _prefix;
    private readonly int _visual;
    private readonly int[] _text;

    public CalibrationCase(GoldenCase golden)
    {
        _golden = golden;
        (_prefix, _visual, _text) = (golden.Config.Int("prefix"), golden.Config.Int("visual_tokens"), golden.Config.Ints("text_after"));
        _model = new PrunedDecoder(golden.Config, golden.Weights(), _visual);
        OutputFolder = Directory.CreateTempSubdirectory("aperture-golden-").FullName;
    }

    public DecoderInfo Decoder => _model.Decoder.Info;

    public int Samples => _golden.Config.Int("samples");

    public string OutputFolder { get; }

    public string RecipePath => Path.Combine(OutputFolder, "recipe.fitprune.json");

    public string StatisticsPath => Path.Combine(OutputFolder, "recipe.fitstats.json");

    public string SampleId(int sample) => $"sample {sample}";

    public CalibrationOptions Options(double reduction) => new()
    {
        TargetReduction = reduction,
        Strict = !_golden.Config.TryGetProperty("strict", out JsonElement strict) || strict.GetBoolean(),
        Samples = Samples,
        FlopsHidden = _golden.Config.Int("flops_hidden"),
        FlopsIntermediate = _golden.Config.Int("flops_intermediate"),
        Output = RecipePath,
        Statistics = StatisticsPath,
    };

    public void RunPrefill(int sample, ITokenReducer reducer, CancellationToken cancellationToken) => Run(sample, reducer, null, cancellationToken);

    /// <summary>The search's pass at one alpha with everything it reports.</summary>
    public PruningTrace Trace(int sample, SampleStatistics statistics, double alpha)
    {
        PruningTrace trace = new(new HashSet<int>());
        using ThresholdReducer reducer = new(statistics, alpha, HeadReduction.Max);
        Run(sample, reducer, trace, CancellationToken.None);
        return trace;
    }

    public void Dispose()
    {
        _model.Dispose();
        Directory.Delete(OutputFolder, recursive: true);
    }

    private void Run(int sample, ITokenReducer reducer, IDecoderTrace? trace, CancellationToken cancellationToken)
    {
        using Tensor embeddings = _golden.Get($"in.inputs_embeds.{sample}").squeeze(0);
        _model.Prefill(embeddings, PrunedDecoder.Layout(_prefix, _visual, _text[sample]), reducer, trace, cancellationToken);
    }
}
