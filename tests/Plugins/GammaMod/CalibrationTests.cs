using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins.GammaMod.Calibration;
using Aperture.Sequences;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.GammaMod.Tests;

public sealed class CalibrationTests : IDisposable
{
    private readonly TestFiles _files = new();
    private readonly RoutedModel _model = new();

    public void Dispose()
    {
        _model.Dispose();
        _files.Dispose();
    }

    [Fact]
    public void Uniform_causal_attention_has_full_rank_below_its_diagonal()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor uniform = ones(12, 12).tril().div(arange(1, 13).unsqueeze(1)); // row i: 1 / (i + 1)
        Tensor first = zeros(12, 12);
        first.select(1, 0).fill_(1);

        Assert.Equal([11, 1, 0], AttentionRank.OfHeads(stack([uniform, first, eye(12)], 0)));
    }

    [Fact]
    public void Ranks_are_measured_written_and_taken_by_training()
    {
        CalibrationResult result = Fit("""{ "KeepDense": 2 }""", samples: 3);

        using JsonDocument written = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(_files.Folder, "gamma-mod", "arank.json")));
        double[] arank = [.. written.RootElement.GetProperty("arank").EnumerateArray().Select(value => value.GetDouble())];
        int[] chosen = [.. written.RootElement.GetProperty("mod_layers_idx").EnumerateArray().Select(value => value.GetInt32())];
        Assert.Equal(5, arank.Length);
        Assert.Equal(LayerSelection.AllBut(arank, 2), chosen);
        Assert.Equal(20, written.RootElement.GetProperty("seq_len_mean").GetDouble());
        Assert.Equal(3, written.RootElement.GetProperty("samples").GetInt32());
        Assert.Equal(chosen, LayerSelection.Below(arank, written.RootElement.GetProperty("threshold").GetDouble()));
        Assert.Equal(2, result.Files.Count);
        Assert.Equal(chosen, ArankFile.LayersFor(_files.Folder, "small", 5));
        Assert.Throws<ApertureException>(() => ArankFile.LayersFor(_files.Folder, "small", 6));
    }

    [Fact]
    public void An_interrupted_calibration_goes_on()
    {
        Model model = new(this, 4);
        using CancellationTokenSource stop = new();
        Assert.Throws<OperationCanceledException>(() => TestFiles.Factory().Calibrate(model, default, new StopAt(stop, 2), stop.Token));
        Assert.Equal(2, model.Runs);

        Fit(model, "{}");

        Assert.Equal(2 + 1 + 2, model.Runs); // the first sample once more, to see that the model is the same
    }

    [Fact]
    public void Samples_of_another_model_are_refused()
    {
        Fit("{}", samples: 2);
        string path = Path.Combine(_files.Folder, ArankSamples.Place);
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"small\"", "\"other\"", StringComparison.Ordinal));

        Refuse("{}", 2, "measured on another model");
        File.WriteAllText(path, "{");
        Refuse("{}", 2, "holds no measured samples");
    }

    [Theory]
    [InlineData("""{ "KeepDense": 5 }""", "KeepDense 5 leaves no layer of 5")]
    [InlineData("""{ "KeepDense": 0 }""", "KeepDense is 0")]
    [InlineData("""{ "Threshold": 0.25 }""", "no layer's ARank is below Threshold 0.25")]
    [InlineData("""{ "Threshold": -1 }""", "Threshold is -1")]
    [InlineData("""{ "Threshold": 9, "KeepDense": 2 }""", "give one of them")]
    [InlineData("""{ "Samples": 0 }""", "Samples is 0")]
    public void Wrong_options_are_refused(string options, string message) => Refuse(options, 1, message);

    [Fact]
    public void An_empty_set_is_refused() => Refuse("{}", 0, "there is no sample to measure");

    private void Refuse(string options, int samples, string message)
    {
        ApertureException error = Assert.Throws<ApertureException>(() => Fit(options, samples));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    private CalibrationResult Fit(string options, int samples) => Fit(new Model(this, samples), options);

    private static CalibrationResult Fit(Model model, string options)
        => TestFiles.Factory().Calibrate(model, TestFiles.Json(options), null, CancellationToken.None);

    private sealed class Model(CalibrationTests test, int samples) : ICalibrationModel
    {
        public int Runs { get; private set; }

        public DecoderInfo Decoder => test._model.Decoder.Info;

        public int Samples => samples;

        public string OutputFolder => test._files.Folder;

        public string SampleId(int sample) => $"sample {sample}";

        public void RunPrefill(int sample, ITokenReducer reducer, CancellationToken cancellationToken)
        {
            Runs++;
            SequenceLayout prompt = RoutedModel.Prompt(3, 12, 5);
            using Tensor rows = RoutedModel.Rows(prompt, (ulong)sample);
            test._model.Run([prompt], [rows], [reducer]);
        }
    }

    private sealed class StopAt(CancellationTokenSource stop, int done) : IProgress<CalibrationProgress>
    {
        public void Report(CalibrationProgress value)
        {
            if (value.Done == done)
            {
                stop.Cancel();
            }
        }
    }
}
