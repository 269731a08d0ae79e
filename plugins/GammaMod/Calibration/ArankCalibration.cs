using System.Globalization;
using Aperture.Decoding;
using Aperture.Measuring;
using Aperture.Models;

namespace Aperture.Plugins.GammaMod.Calibration;

/// <summary>Measures ARank, one forward a sample, and chooses the layers that tokens may skip.</summary>
internal sealed class ArankCalibration
{
    private readonly ICalibrationModel _model;
    private readonly ArankOptions _options;
    private readonly IProgress<CalibrationProgress>? _progress;
    private readonly string _samplesPath;
    private readonly int _count;
    private ArankSamples _measured;

    public ArankCalibration(ICalibrationModel model, ArankOptions options, IProgress<CalibrationProgress>? progress)
    {
        _model = model;
        _options = options;
        _progress = progress;
        _count = Math.Min(model.Samples, options.Samples);
        if (_count == 0)
        {
            throw GammaModFactory.Error("there is no sample to measure; give at least one picture with a question");
        }

        DecoderInfo decoder = model.Decoder;
        _samplesPath = options.Statistics ?? Path.Combine(model.OutputFolder, ArankSamples.Place);
        _measured = new ArankSamples { Model = decoder.Model, Layers = decoder.Layers, Hidden = decoder.HiddenSize, Heads = decoder.Heads };
    }

    public CalibrationResult Run(CancellationToken cancellationToken)
    {
        Resume(cancellationToken);
        for (int sample = _measured.Samples.Count; sample < _count; sample++)
        {
            _measured.Samples.Add(MeasureOne(sample, cancellationToken));
            _measured.Write(_samplesPath);
            _progress?.Report(new CalibrationProgress("ranking attention", sample + 1, _count));
        }

        ArankFile found = Choose([.. _measured.Samples.Take(_count)]);
        string path = _options.Output ?? Path.Combine(_model.OutputFolder, ArankFile.Place);
        found.Write(path);
        return new CalibrationResult(
            [
                $"ARank by layer over {_count} samples: {string.Join(" ", found.Arank.Select(rank => rank.ToString("0.#", CultureInfo.InvariantCulture)))}",
                $"layers that tokens may skip: {string.Join(",", found.ModLayersIdx)}; dense: "
                + $"{string.Join(",", Enumerable.Range(0, found.Arank.Length).Except(found.ModLayersIdx))}",
            ],
            [Path.GetFullPath(path), Path.GetFullPath(_samplesPath)]);
    }

    private ArankFile Choose(ArankSample[] samples)
    {
        double[] arank = [.. Enumerable.Range(0, _measured.Layers).Select(layer => samples.Average(sample => sample.Ranks[layer]))];
        int[] layers = _options.Threshold is { } threshold
            ? LayerSelection.Below(arank, threshold)
            : LayerSelection.AllBut(arank, _options.KeepDense ?? LayerSelection.DefaultKeepDense);
        return new ArankFile
        {
            Model = _measured.Model,
            Samples = samples.Length,
            SeqLenMean = samples.Average(sample => sample.Rows),
            Arank = arank,
            Threshold = _options.Threshold ?? Enumerable.Range(0, arank.Length).Except(layers).Min(layer => arank[layer]),
            ModLayersIdx = layers,
        };
    }

    // Takes up an earlier run's samples if they are of this model. Weights have no name, so the first sample is measured again and compared.
    private void Resume(CancellationToken cancellationToken)
    {
        if (!File.Exists(_samplesPath))
        {
            return;
        }

        ArankSamples earlier = ArankSamples.Read(_samplesPath);
        bool sameModel = (earlier.Model, earlier.Layers, earlier.Hidden, earlier.Heads) == (
            _measured.Model, _measured.Layers, _measured.Hidden, _measured.Heads);
        bool sameSamples = earlier.Samples.Count <= _model.Samples && earlier.Samples.Select((sample, i) => sample.Id == _model.SampleId(i)).All(same => same);
        if (!sameModel || !sameSamples || (earlier.Samples.Count > 0 && !Agree(earlier.Samples[0], MeasureOne(0, cancellationToken))))
        {
            throw GammaModFactory.Error(
                $"'{_samplesPath}' was measured on another {(sameModel ? sameSamples ? "checkpoint" : "set of samples" : "model")}; delete it or name "
                + "another file with Statistics");
        }

        _measured = earlier;
    }

    private static bool Agree(ArankSample a, ArankSample b)
        => a.Rows == b.Rows && a.Ranks.Zip(b.Ranks).All(pair => Math.Abs(pair.First - pair.Second) <= 1 + (0.02 * pair.First));

    private ArankSample MeasureOne(int sample, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using ArankReducer reducer = new(_measured.Layers);
        _model.RunPrefill(sample, reducer, cancellationToken);
        return reducer.Take(_model.SampleId(sample));
    }
}
