using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Training;

/// <summary>
/// Trains gates (spec section 4): a step draws exit layers at random, finds out on the frozen model whether each sample's answer would survive the exit, and
/// teaches these layers' gates to say so. Nothing but the gates changes.
/// </summary>
internal sealed class GateTraining : ITrainingRun
{
    private readonly ITrainingModel _model;
    private readonly GateTrainingOptions _options;
    private readonly GateScores _scores;
    private readonly Dictionary<string, Tensor> _gates;
    private readonly int _hidden;

    public GateTraining(ITrainingModel model, GateTrainingOptions options)
    {
        _model = model;
        _options = options;
        DecoderInfo decoder = model.Decoder;
        if (options.LayersPerStep > decoder.Layers)
        {
            throw DyVteOptions.Error($"LayersPerStep is {options.LayersPerStep}, but {decoder.Model} has {decoder.Layers} layers; give at most that many");
        }

        Plan = options.Plan(DyVteFactory.MethodName, GateTrainingOptions.Defaults, GateTrainingOptions.DefaultEpochs, model.Samples);
        int inputs = GateInputs.Width(options.GateInput, decoder)!.Value;
        _gates = options.Gates is null
            ? GateInitialisation.Create(decoder.Layers, inputs, options.GateHidden, Plan.Seed)
            : GateFiles.Copy(new DyVteOptions { Gates = options.Gates, GateInput = options.GateInput }, decoder, model.Files);
        _hidden = (int)_gates[GateKeys.First(GateKeys.Published, 0)].size(0);
        foreach (Tensor gate in _gates.Values)
        {
            gate.requires_grad = true;
        }

        _scores = new GateScores(decoder.Layers);
    }

    public TrainingPlan Plan { get; }

    public IReadOnlyDictionary<string, Tensor> Parameters => _gates;

    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor>(StringComparer.Ordinal) { ["scores"] = _scores.Counts };

    public TrainingStep Step(int step, ITrainingBatch batch, CancellationToken cancellationToken)
    {
        ExitPass pass = new(batch, _model.Decoder.Layers, withPrefix: _options.GateInput == GateInputs.AllText);
        IReadOnlyList<ExitOutcome> outcomes = pass.Run(Draw(step), cancellationToken);
        if (outcomes.Count == 0)
        {
            return new TrainingStep(null, new Dictionary<string, double>());
        }

        using DisposeScope scope = NewDisposeScope();
        List<Tensor> losses = [];
        int right = 0, exits = 0, all = 0;
        foreach (ExitOutcome outcome in outcomes)
        {
            bool[] wanted = [.. outcome.Answers.Select(_options.Rule.Exits)];
            Tensor logits = Logits(outcome);
            losses.Add(GateLoss.PerSample(logits, wanted).mean());
            bool[] fired = Fired(logits);
            _scores.Add(outcome.Layer, fired, wanted);
            right += fired.Zip(wanted).Count(pair => pair.First == pair.Second);
            exits += wanted.Count(exit => exit);
            all += wanted.Length;
            outcome.Dispose();
        }

        Tensor loss = stack(losses, 0).mean().MoveToOuterDisposeScope();
        return new TrainingStep(loss, new Dictionary<string, double> { ["right"] = (double)right / all, ["exits"] = (double)exits / all });
    }

    public TrainingResult Save()
    {
        string path = Path.Combine(_model.OutputFolder, GateFiles.Beside);
        GateFiles.Write(path, _gates, _model.Decoder, _hidden, _options.GateInput);
        IReadOnlyList<string> checkpoint = _options.WholeCheckpoint ? _model.SaveCheckpoint(_gates) : [];
        return new TrainingResult(_scores.Lines(), [Path.GetFullPath(path), .. checkpoint]);
    }

    public void Dispose()
    {
        foreach (Tensor gate in _gates.Values)
        {
            gate.Dispose();
        }

        _scores.Dispose();
    }

    /// <summary>The two logits of the drawn layer's gate, with gradient.</summary>
    internal Tensor Logits(ExitOutcome outcome)
        => Gate.Run(outcome.Features, _gates[GateKeys.First(GateKeys.Published, outcome.Layer)], _gates[GateKeys.Second(GateKeys.Published, outcome.Layer)]);

    // Different layers for a step, ascending, by the seed and the step alone.
    private int[] Draw(int step)
    {
        Random random = new(HashCode(Plan.Seed, step));
        int[] layers = [.. Enumerable.Range(0, _model.Decoder.Layers)];
        random.Shuffle(layers);
        return [.. layers.Take(_options.LayersPerStep).Order()];
    }

    private static int HashCode(long seed, int step)
    {
        ulong mixed = ((ulong)seed * 0x9E3779B97F4A7C15) ^ ((ulong)(uint)step * 0xC2B2AE3D27D4EB4F);
        mixed ^= mixed >> 29;
        return (int)((mixed * 0xBF58476D1CE4E5B9) >> 33);
    }

    private static bool[] Fired(Tensor logits)
    {
        using Tensor host = logits.detach().cpu().to_type(ScalarType.Float32);
        float[] values = host.data<float>().ToArray();
        return [.. Enumerable.Range(0, values.Length / 2).Select(i => values[2 * i] < values[(2 * i) + 1])];
    }
}
