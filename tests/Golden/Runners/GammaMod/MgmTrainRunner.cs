using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Plugins.GammaMod;
using Aperture.Plugins.GammaMod.Training;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>One training layer of the Mini-Gemini variant with a prefix.</summary>
public sealed class MgmTrainImageRunner : MgmTrainRunner
{
    public override string Kind => "mgm_train_image";
}

/// <summary>One training layer of the Mini-Gemini variant on sequences shorter than the prefix.</summary>
public sealed class MgmTrainTextOnlyRunner : MgmTrainRunner
{
    public override string Kind => "mgm_train_text_only";
}

/// <summary>One training layer of the Mini-Gemini variant: rows that run, router loss, gradients.</summary>
public abstract class MgmTrainRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public abstract string Kind { get; }

    public void Run(GoldenCase golden)
    {
        JsonElement settings = golden.Config;
        (DecoderSpec config, Dictionary<string, Tensor> weights) = RoutedDecoder.OneLayer(golden);
        foreach (string key in weights.Keys)
        {
            weights[key].requires_grad = true;
        }

        Tensor router = weights["model.layers.0.router.weight"], gain = weights["model.layers.0.input_layernorm.weight"];
        using RoutedDecoder model = RoutedDecoder.Of(config, weights);
        using Decoder decoder = model.Decoder.ForTraining();
        using GammaModRouter method = new(RouterWeights.Trained([0], router), new RoutingRules(), new TrainingRule
        {
            MiniGemini = true,
            SkipRatio = settings.GetProperty("trainSkipRatio").GetDouble(),
            PrefixLength = settings.GetProperty("prefixLength").GetInt32(),
        });
        Tensor hidden = golden.Get("in.hidden").clone().requires_grad_(true);
        SequenceLayout[] layouts = [.. PaddedBatch.Rows(golden.Get("in.attention_mask")).Select(Layout)];
        using RoutingTrace trace = new();
        using RequestContext request = new(decoder.Info, layouts, HookTableBuilder.Build(decoder.Info, [method]), trace, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        state.Padding = PaddingRule.ZeroAttention;
        state.Labels = golden.Get("in.labels").view(-1);

        Tensor output = decoder.Run(state, hidden.view(-1, config.HiddenSize), CancellationToken.None).view(hidden.shape);
        Tensor routerLoss = Assert.Single(request.Losses).Loss;
        output.mul(golden.Get("in.loss_weight")).mean().add(routerLoss).backward();

        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using (no_grad())
        {
            Tensor normed = ops.RmsNorm(trace.Last("input", 0), gain, config.NormEpsilon, state.Rows, config.HiddenSize);
            using RouterWeights routers = RouterWeights.Trained([0], router);
            golden.Compare("mid.router_logits", routers.Logits(0, normed).view(layouts.Length, -1, 2));
        }

        golden.CompareExact("mid.selected", stack(trace.All("gamma-mod.selected", 0), 0));
        Assert.Equal(settings.GetProperty("k").GetInt64(), trace.Last("gamma-mod.selected", 0).size(0));
        golden.Compare("out.hidden", output);
        golden.Compare("out.aux_loss", routerLoss);
        golden.Compare("out.grad.hidden", hidden.grad!);
        golden.Compare("out.grad.router.weight", router.grad!);
        golden.Compare("out.grad.input_layernorm.weight", gain.grad!);
    }

    // Real rows are text, the others padding, on whichever side it stands.
    private static SequenceLayout Layout(int[] mask)
    {
        int first = Math.Max(0, Array.FindIndex(mask, row => row != 0)), real = mask.Count(row => row != 0);
        return SequenceLayout.Create(
        [
            new Aperture.Sequences.Span(SpanKind.Pad, first),
            new Aperture.Sequences.Span(SpanKind.Text, real),
            new Aperture.Sequences.Span(SpanKind.Pad, mask.Length - first - real),
        ]);
    }
}
