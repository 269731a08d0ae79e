using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Plugins.FlashSloth.Sap;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Training;

/// <summary>
/// A stage of FlashSloth's training: next-token loss through pooling, projector, queries and decoder. Alignment trains pooling and projector; tuning all but
/// the vision tower, queries included.
/// </summary>
internal sealed class FlashSlothTraining : ITrainingRun
{
    private readonly ITrainingModel _model;
    private readonly FlashSlothTrainingOptions _options;
    private readonly FlashSlothOptions _own;
    private readonly TrainedWeights _weights = new();
    private readonly TensorWeights? _frozenBlock;

    /// <exception cref="ApertureException">The model is no FlashSloth.</exception>
    public FlashSlothTraining(ITrainingModel model, FlashSlothTrainingOptions options)
    {
        _model = model;
        _options = options;
        Plan = options.Plan(model.Samples);
        _own = OptionsOf(model.Files.ModelFolder);
        IWeightSource? checkpoint = model.Files.Checkpoint;
        Pooling(checkpoint);
        bool aligns = options.Stage == FlashSlothStage.Align;
        // queries are the model's own parameter
        TensorWeights block = MethodFilesOf.Embq.Own(FlashSlothFactory.MethodName, model.Decoder, checkpoint, LearnedQueries.Published);
        if (aligns)
        {
            _frozenBlock = block;
        }
        else
        {
            using (block)
            {
                _weights.Continue(block);
            }
        }

        Dictionary<string, Tensor> all = new(_weights.Leaves, StringComparer.Ordinal);
        foreach ((string name, Tensor leaf) in model.Unfreeze(name => !aligns || SapTraining.IsProjector(name)))
        {
            all[name] = leaf;
        }

        Parameters = all;
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters { get; }

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
    {
        using Generator generator = new(StepSeed.Of(Plan.Seed, step), CPU);
        using FlashSlothReducer reducer = Reducer(_options.Dropout > 0 ? new SeededDropout(_options.Dropout, generator) : null);
        using IDecoderRun run = batch.Begin([reducer]);
        run.RunTo(_model.Decoder.Layers, cancellationToken);
        return new TrainingStep(run.NextTokenLoss(), new Dictionary<string, double>());
    }

    /// <summary>The model's own method over the parameters.</summary>
    /// <param name="dropout">Acts on the pooling's scores; null for none.</param>
    /// <returns>The caller disposes it.</returns>
    public FlashSlothReducer Reducer(SeededDropout? dropout)
    {
        IWeightSource trained = _weights.Source;
        return new FlashSlothReducer(
            _own,
            new TypedWeights<SpatialPooling>(trained, SpatialPooling.Load, owns: false),
            EmbqFactory.Block(_frozenBlock ?? trained, _model.Decoder, fuseValues: false, owns: false),
            dropout);
    }

    public TrainingResult Save()
    {
        Dictionary<string, Tensor> trained = _weights.Detached();
        try
        {
            string what = _options.Stage == FlashSlothStage.Align ? "pooling and projector were aligned" : "everything but the vision tower was tuned";
            return new TrainingResult([what, "the folder is a FlashSloth of its own"], _model.SaveCheckpoint(trained));
        }
        finally
        {
            foreach (Tensor tensor in trained.Values)
            {
                tensor.Dispose();
            }
        }
    }

    public void Dispose()
    {
        _weights.Dispose();
        _frozenBlock?.Dispose();
    }

    // As the model's own method has them.
    private static FlashSlothOptions OptionsOf(string? folder)
    {
        string? file = folder is null ? null : Path.Combine(folder, ModelFolder.ConfigFile);
        return file is null
            ? new FlashSlothOptions()
            : MethodOptions.Bind(
                FlashSlothFactory.MethodName, FlashSlothConfig.Parse(ModelFolder.ReadJson(file), file).Options, OptionsJson.Default.FlashSlothOptions);
    }

    private void Pooling(IWeightSource? checkpoint)
    {
        if (!_options.ReinitSap)
        {
            using TensorWeights stored = MethodFilesOf.Sap.Own(FlashSlothFactory.MethodName, _model.Decoder, checkpoint);
            _weights.Continue(stored);
            return;
        }

        using Generator generator = new((ulong)Plan.Seed, CPU);
        _weights.Draw(SpatialPooling.Shapes(_model.VisionChannels), generator, isPooling: true);
    }
}
