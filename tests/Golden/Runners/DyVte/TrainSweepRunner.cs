using Aperture.Golden.Tests.BaseModels;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Plugins.DyVte.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>Pseudo labels and losses of one batch for every exit layer, all from one pass.</summary>
public sealed class TrainSweepRunner : IGoldenRunner
{
    public string Area => "dyvte";

    public string Kind => "train_sweep";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using RecordedDecoder model = new(golden, RecordedDecoder.ConfigOf(golden));
        int layers = model.Decoder.Info.Layers;
        ExitPass pass = new(new TrainingBatch(golden, model.Decoder), layers, withPrefix: false);
        IReadOnlyList<ExitOutcome> outcomes = pass.Run([.. Enumerable.Range(0, layers)], CancellationToken.None);
        using GateSet gates = GateCase.Gates(golden, model.Decoder.Info.HiddenSize);
        LabelRule rule = new();
        List<Tensor> logits = [], losses = [];
        foreach (ExitOutcome outcome in outcomes)
        {
            logits.Add(gates.Logits(outcome.Layer, outcome.Features));
            losses.Add(GateLoss.PerSample(logits[^1], [.. outcome.Answers.Select(rule.Exits)]).mean());
        }

        golden.Compare("mid.ce_full", tensor([.. outcomes[0].Answers.Select(a => a.CeFull)]));
        golden.Compare("out.agreement", stack([.. outcomes.Select(o => tensor([.. o.Answers.Select(a => a.Agreement)]))], 0));
        golden.Compare("out.ce_exit", stack([.. outcomes.Select(o => tensor([.. o.Answers.Select(a => a.CeChanged)]))], 0));
        golden.CompareExact("out.gate_labels", stack([.. outcomes.Select(o => tensor([.. o.Answers.Select(a => rule.Exits(a) ? 1L : 0L)]))], 0));
        golden.Compare("out.gate_logits", stack(logits, 0));
        golden.Compare("out.loss", stack(losses, 0));
        foreach (ExitOutcome outcome in outcomes)
        {
            outcome.Dispose();
        }
    }
}
