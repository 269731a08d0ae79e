using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Plugins.DyVte.Gates;
using Aperture.Plugins.DyVte.Training;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>One training step: labels, loss, gradients of the drawn gate, and what one optimizer step changes.</summary>
public sealed class TrainRunner : IGoldenRunner
{
    public string Area => "dyvte";

    public string Kind => "train";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int layer = golden.Config.Int("exit_layer");
        using RecordedDecoder model = new(golden, RecordedDecoder.ConfigOf(golden));
        using Decoder decoder = model.Decoder.ForTraining();
        ExitPass pass = new(new TrainingBatch(golden, decoder), decoder.Info.Layers, withPrefix: false);
        using ExitOutcome outcome = pass.Run([layer], CancellationToken.None).Single();
        golden.Compare("mid.gate_feature", outcome.Features);
        golden.Compare("mid.logits_full_answer", outcome.Full);
        golden.Compare("mid.logits_exit_answer", outcome.Exit);
        golden.Compare("mid.agreement", tensor([.. outcome.Answers.Select(a => a.Agreement)]));
        golden.Compare("mid.ce_full", tensor([.. outcome.Answers.Select(a => a.CeFull)]));
        golden.Compare("mid.ce_exit", tensor([.. outcome.Answers.Select(a => a.CeChanged)]));
        LabelRule rule = new(golden.Config.GetProperty("agree_threshold").GetDouble(), golden.Config.GetProperty("ce_ratio").GetDouble());
        bool[] exits = [.. outcome.Answers.Select(rule.Exits)];
        golden.CompareExact("mid.gate_labels", CaseNames.Whole(exits.Select(exit => exit ? 1 : 0)));

        DrawnGate weights = new(golden, layer);
        Tensor logits = Gate.Run(outcome.Features, weights.W1, weights.W2);
        golden.Compare("mid.gate_logits", logits);
        Tensor losses = GateLoss.PerSample(logits, exits);
        golden.Compare("mid.gate_loss_per_sample", losses);
        Tensor loss = losses.mean();
        golden.Compare("out.loss", loss);
        loss.backward();
        CompareGradients(golden, weights);
    }

    private static void CompareGradients(GoldenCase golden, DrawnGate weights)
    {
        Tensor g1 = weights.W1.grad!, g2 = weights.W2.grad!;
        golden.Compare("out.grad_w2", g2);
        golden.Compare("out.grad_w1_every_64th_row", g1.index_select(0, arange(0, g1.size(0), 64)));
        golden.Compare("out.grad_abs_sum_w1", g1.abs().sum());
        golden.NotCompared("out.grad_sum_w1", "a sum in which large terms cancel: grad_abs_sum_w1 and every 64th row say more");
        golden.Compare("out.grad_norm_w1", g1.norm());
        golden.Compare("out.grad_norm_w2", g2.norm());
        Tensor before = weights.W2.detach().clone();
        golden.Compare("out.adamw_total_grad_norm", stack([g1.norm(), g2.norm()]).norm());
        TrainingPlan plan = GateTrainingOptions.Defaults;
        using AdamW optimizer = new(
            new Dictionary<string, Tensor> { ["w1"] = weights.W1, ["w2"] = weights.W2 },
            _ => 1,
            new AdamSettings(plan.Beta1, plan.Beta2, plan.Epsilon, plan.WeightDecay, plan.LargestGradient));
        optimizer.Step(plan.Rate);
        golden.Compare("out.adamw_delta_w2", weights.W2.detach().sub(before));
    }

    /// <summary>The drawn gate's weights as parameters.</summary>
    private sealed class DrawnGate(GoldenCase golden, int layer)
    {
        public Tensor W1 { get; } = Load(golden, GateKeys.First(GateKeys.Published, layer));

        public Tensor W2 { get; } = Load(golden, GateKeys.Second(GateKeys.Published, layer));

        private static Tensor Load(GoldenCase golden, string name)
        {
            using Tensor stored = golden.Weights().Load(name);
            return stored.clone().requires_grad_(true);
        }
    }
}
