using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.Vision;
using Aperture.Models;
using Aperture.Plugins.LlavaHr;
using Aperture.Sequences;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using Xunit.Sdk;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Gradients of a whole model, towers included: the norm of each parameter's, and some of them in full.</summary>
public sealed class HrGradientsRunner : IGoldenRunner
{
    private const string Prefix = "out.grad.";
    private const double Rounding = 1e-4; // a norm below it is the rounding of a gradient that is zero: keys' biases change no attention

    public string Area => "llava-hr";

    public string Kind => "hr_gradients";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using Model model = RecordedHr.Open(golden);
        ITrainableEncoder own = Assert.IsAssignableFrom<ITrainableEncoder>(model.Encoder);
        Dictionary<string, Tensor> leaves = model.Decoder.Weights.Named("model.", "lm_head").Concat(model.Projector.Named()).Concat(own.Named())
            .ToDictionary(parameter => parameter.Name, parameter => parameter.Tensor.clone().requires_grad_(true));
        using ParameterSource source = new(leaves, ScalarType.Float32);
        using HighResolutionEncoder encoder = (HighResolutionEncoder)own.Over(source);
        using IProjector projector = model.Projector.Over(source);
        DecoderWeights weights = DecoderWeights.Load(source, "model.", "lm_head", model.Decoder.Spec, RecordedTrunk.Policy);
        using Decoder decoder = new(model.Decoder.Spec, weights, model.Ops.ForTraining(), model.Decoder.Info);
        IReadOnlyList<VisionFeatures> features = encoder.EncodePixels(
            RecordedHr.Pixels(golden), null, new VisionRequest { Differentiable = true }, CancellationToken.None);
        HrPrepared batch = HrPrepared.Merge(model, ids => decoder.Embed(ids), golden, [.. features.Select(projector.Project)]);
        int[] lengths = batch.Lengths;
        Tensor rows = cat([.. lengths.Select((length, sample) => batch.Rows[sample].narrow(0, 0, length))], 0);
        Tensor labels = cat([.. lengths.Select((length, sample) => batch.Labels[sample].narrow(0, 0, length))], 0);
        SequenceLayout[] layouts = [.. lengths.Select(length => SequenceLayout.Create([new Aperture.Sequences.Span(SpanKind.Text, length)]))];
        using DecoderRun run = DecoderRun.Begin(decoder, rows, layouts, labels, null);
        run.RunTo(decoder.Info.Layers, CancellationToken.None);
        Tensor loss = run.NextTokenLoss();
        golden.Compare("out.loss", loss);
        loss.backward();
        CompareGradients(golden, leaves);
    }

    private static void CompareGradients(GoldenCase golden, Dictionary<string, Tensor> leaves)
    {
        foreach (string name in golden.Names.Where(name => name.StartsWith(Prefix, StringComparison.Ordinal)).ToList())
        {
            golden.Compare(name, leaves[name[Prefix.Length..]].grad!);
        }

        // The reference's embedding table passes no gradient to its padding row.
        int padding = golden.Config.GetProperty("llm").GetProperty("pad_token_id").GetInt32();
        leaves["model.embed_tokens.weight"].grad![padding].zero_();
        foreach (JsonProperty recorded in golden.Config.GetProperty("grad_norms").EnumerateObject())
        {
            bool unused = recorded.Value.ValueKind == JsonValueKind.Null || recorded.Value.GetDouble() == 0;
            if (!leaves.TryGetValue(recorded.Name, out Tensor? leaf))
            {
                Assert.True(unused, $"{recorded.Name} has a gradient in the reference and is no parameter here");
                continue;
            }

            double expected = unused ? 0 : recorded.Value.GetDouble(), actual = leaf.grad is null ? 0 : leaf.grad.norm().item<float>();
            if (Math.Abs(actual - expected) > golden.Tolerance * Math.Max(expected, Rounding))
            {
                throw new XunitException($"{recorded.Name}: the gradient's norm is {actual:G9}, recorded {expected:G9}");
            }
        }
    }
}
