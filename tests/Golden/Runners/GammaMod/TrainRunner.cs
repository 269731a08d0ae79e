using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Models;
using Aperture.Plugins.GammaMod;
using Aperture.Plugins.GammaMod.Training;
using Aperture.Sequences;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Golden.Tests.GammaMod;

/// <summary>A padded training batch: what runs, the losses, and the gradients of everything.</summary>
public sealed class TrainRunner : IGoldenRunner
{
    public string Area => "gamma-mod";

    public string Kind => "mod_train";

    public void Run(GoldenCase golden)
    {
        JsonElement config = golden.Config;
        int[] layers = RecordedModel.Layers(golden);
        Dictionary<string, Tensor> parameters = Parameters(golden.Weights());
        string routerKey = RouterWeights.KeyOf(layers[0]);
        using ParameterSource source = new(parameters, ScalarType.Float32);
        using Model model = RecordedModel.Open(golden, source);
        using Decoder decoder = model.Decoder.ForTraining();
        using LlavaBatch batch = Batch(golden, model, decoder);
        golden.Compare("mid.inputs_embeds", batch.Rows);
        golden.CompareExact("mid.labels", batch.Labels);
        SequenceLayout[] layouts = Layouts(
            PaddedBatch.Rows(golden.Get("in.input_ids")), PaddedBatch.Rows(golden.Get("in.attention_mask")), model.Packer.ImageToken, (int)batch.Rows.size(1));
        golden.CompareExact("mid.attention_mask", MaskOf(layouts));
        using GammaModRouter router = new(RouterWeights.Trained(layers, parameters[routerKey]), new RoutingRules(), new TrainingRule
        {
            SkipRatio = config.GetProperty("trainSkipRatio").GetDouble(),
            PrefixLength = config.GetProperty("prefixLength").GetInt32(),
        });
        using RoutingTrace trace = new();
        using RequestContext request = new(decoder.Info, layouts, HookTableBuilder.Build(decoder.Info, [router]), trace, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Train, layouts);
        state.Padding = PaddingRule.ZeroAttention;
        state.Labels = batch.Labels.view(-1);
        batch.Rows.retain_grad();

        Tensor hidden = decoder.Run(state, batch.Rows.view(-1, decoder.Info.HiddenSize), CancellationToken.None);
        Tensor logits = decoder.Logits(hidden, state.Rows).view(layouts.Length, -1, decoder.Info.VocabularySize);
        Tensor nextToken = NextTokenLoss(logits, batch.Labels);
        double coefficient = config.GetProperty("auxLossCoef").GetDouble();
        Tensor loss = RouterLoss.Total(nextToken, request.Losses.Select(own => own.Loss), coefficient);
        loss.backward();

        CompareForward(golden, trace, layers, layouts.Length, decoder, parameters);
        golden.Compare("mid.aux_loss_per_mod_layer", stack(request.Losses.Select(own => own.Loss), 0));
        golden.Compare("out.logits", logits);
        golden.Compare("out.lm_loss", nextToken);
        golden.Compare("out.mod_loss", stack(request.Losses.Select(own => own.Loss), 0).sum() * coefficient);
        golden.Compare("out.loss", loss);
        golden.Compare("out.grad.inputs_embeds", batch.Rows.grad!);
        CompareGradients(golden, parameters);
    }

    // Every parameter a leaf; the routers are one.
    private static Dictionary<string, Tensor> Parameters(IWeightSource weights)
    {
        int first = RouterWeights.Find(weights).Keys.First();
        return weights.Names.Where(name => !name.Contains(".router.", StringComparison.Ordinal) || name == RouterWeights.KeyOf(first))
            .ToDictionary(name => name, name => weights.LoadCopy(name).requires_grad_(true));
    }

    private static LlavaBatch Batch(GoldenCase golden, Model model, Decoder decoder)
    {
        IReadOnlyList<VisionFeatures> features;
        using (no_grad())
        {
            features = RecordedLlava.Encode(model, golden.Get("in.images"));
        }

        // The official code embeds padding ids as any others; only the mask tells them apart.
        int[][] ids = PaddedBatch.Rows(golden.Get("in.input_ids")), labels = PaddedBatch.Rows(golden.Get("in.labels"));
        return LlavaBatch.Merge(
            decoder,
            [.. ids.Zip(labels, (own, ownLabels) => (own, Array.ConvertAll(ownLabels, label => (long)label)))],
            model.Packer.ImageToken,
            [.. features.Select(model.Projector.Project)],
            padLeft: false,
            maxRows: null);
    }

    private static SequenceLayout[] Layouts(int[][] ids, int[][] mask, int imageToken, int rows) =>
    [
        .. ids.Select((own, sample) => SequenceLayout.Create(
        [
            .. own.Select(
                (id, column)
                    => id == imageToken
                        ? Image(rows - own.Length + 1)
                        : new Aperture.Sequences.Span(mask[sample][column] != 0 ? SpanKind.Text : SpanKind.Pad, 1)),
        ])),
    ];

    private static Aperture.Sequences.Span Image(int rows) => new(SpanKind.Image, rows) { Image = 0, Grid = new VisualGrid(1, rows) };

    private static Tensor MaskOf(SequenceLayout[] layouts)
        => stack(layouts.Select(layout => tensor([.. Enumerable.Range(0, layout.Count).Select(row => (byte)(layout.KindOf(row) == SpanKind.Pad ? 0 : 1))])), 0);

    private static Tensor NextTokenLoss(Tensor logits, Tensor labels)
    {
        long rows = logits.size(1) - 1;
        return F.cross_entropy(logits.narrow(1, 0, rows).reshape(-1, logits.size(2)), labels.narrow(1, 1, rows).reshape(-1), ignore_index: LlavaBatch.Ignore);
    }

    private static void CompareForward(GoldenCase golden, RoutingTrace trace, int[] layers, int samples, Decoder decoder, Dictionary<string, Tensor> parameters)
    {
        using IDisposable grad = no_grad();
        for (int layer = 0; layer < decoder.Info.Layers - 1; layer++)
        {
            golden.Compare($"mid.hidden_after_layer_{layer}", trace.Last("output", layer).view(samples, -1, decoder.Info.HiddenSize));
        }

        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using RouterWeights routers = RouterWeights.Trained(layers, parameters[RouterWeights.KeyOf(layers[0])]);
        foreach (int layer in layers)
        {
            Tensor input = trace.Last("input", layer);
            NormWeights norm = decoder.Weights.Layers[layer].InputNorm;
            Tensor normed = ops.Norm(input, norm, decoder.Spec.NormEpsilon, (int)input.size(0), decoder.Info.HiddenSize);
            golden.Compare($"mid.router_logits_{layer}", routers.Logits(layer, normed).view(samples, -1, 2));
            golden.CompareExact($"mid.selected_{layer}", stack(trace.All("gamma-mod.selected", layer), 0));
            Assert.All(trace.All("gamma-mod.selected", layer), own => Assert.Equal(golden.Config.GetProperty("k").GetInt64(), own.size(0)));
        }
    }

    private static void CompareGradients(GoldenCase golden, Dictionary<string, Tensor> parameters)
    {
        const string Prefix = "out.grad.";
        foreach (string name in golden.Names.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal) && name != "out.grad.inputs_embeds"))
        {
            golden.Compare(name, parameters[name[Prefix.Length..]].grad!);
        }

        // The reference's embedding table passes no gradient to its padding row, which is the first one unless the configuration says otherwise.
        int padding = golden.Config.GetProperty("llm").TryGetProperty("pad_token_id", out JsonElement id) && id.ValueKind == JsonValueKind.Number
            ? id.GetInt32()
            : 0;
        parameters["model.embed_tokens.weight"].grad![padding].zero_();
        string[] names = [.. golden.Meta.GetProperty("grad_norms_names").EnumerateArray().Select(name => name.GetString()!)];
        golden.Compare("out.grad_norms", stack(names.Select(name => parameters[name].grad!.norm()), 0));
    }
}
