using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Scheduling;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>One block of SigLIP, one of Phi and the queries' block on rows of tiny variance, where the norms' epsilon decides.</summary>
public sealed class NormEpsilonRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "fs_norm_eps";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        IWeightSource weights = golden.Weights();
        golden.Compare("out.siglip", Siglip(golden, weights, ops));
        golden.Compare("out.phi", Phi(golden, weights, ops));
        golden.Compare("out.embq", Embq(golden, weights));
    }

    private static Tensor Siglip(GoldenCase golden, IWeightSource weights, Ops ops)
    {
        Tensor rows = golden.Get("in.siglip");
        VisionTransformerConfig config = SiglipVision.Parse(golden.Config.GetProperty("siglip"), golden.Name) with
        {
            Layers = 1,
            Positions = VisionPositions.None,
        };
        Dictionary<string, Tensor> table = weights.Names.Where(name => name.StartsWith("siglip.", StringComparison.Ordinal))
            .ToDictionary(name => "encoder.layers.0" + name["siglip".Length..], name => weights.LoadCopy(name));
        table["embeddings.patch_embedding.weight"] = zeros(config.HiddenSize, 3, config.PatchSize, config.PatchSize);
        table["embeddings.patch_embedding.bias"] = zeros(config.HiddenSize);
        VisionTransformerWeights loaded = VisionTransformerWeights.Load(
            new TensorWeights(table), "", SiglipVision.Keys, config, RecordedEmbq.Policy, 1, postNorm: false);
        using VisionTransformer tower = new(config, loaded, ops);
        using VisionRun run = tower.RunPatches(rows, new VisualGrid(1, (int)rows.size(1)), null, VisionRequest.Plain, CancellationToken.None);
        return run[1].clone();
    }

    private static Tensor Phi(GoldenCase golden, IWeightSource weights, Ops ops)
    {
        Tensor rows = golden.Get("in.phi");
        DecoderSpec spec = DecoderSpec.Parse(golden.Config.GetProperty("phi"), golden.Name, "phi") with { Layers = 1 };
        Dictionary<string, Tensor> table = weights.Names.Where(name => name.StartsWith("phi.", StringComparison.Ordinal))
            .ToDictionary(name => "model.layers.0" + name["phi".Length..], name => weights.LoadCopy(name));
        table["model.embed_tokens.weight"] = zeros(spec.VocabularySize, spec.HiddenSize);
        table["model.final_layernorm.weight"] = ones(spec.HiddenSize);
        table["model.final_layernorm.bias"] = zeros(spec.HiddenSize);
        table["lm_head.weight"] = zeros(spec.VocabularySize, spec.HiddenSize);
        table["lm_head.bias"] = zeros(spec.VocabularySize);
        using Decoder decoder = new(
            spec, DecoderWeights.Load(new TensorWeights(table), "model.", "lm_head", spec, RecordedEmbq.Policy), ops, spec.Describe("recorded"));
        SequenceLayout[] layouts =
        [
            .. Enumerable.Range(0, (int)rows.size(0)).Select(_ => SequenceLayout.Create([new Span(SpanKind.Text, (int)rows.size(1))])),
        ];
        using RequestContext request = new(decoder.Info, layouts, null, null, null);
        using ForwardState state = decoder.Begin(request, DecoderPhase.Prefill, layouts);
        return decoder.RunLayers(state, rows.flatten(0, 1).clone(), 0, 1, CancellationToken.None).view(rows.shape).clone();
    }

    // The case holds the block without its projections.
    private static Tensor Embq(GoldenCase golden, IWeightSource weights)
    {
        Tensor queries = golden.Get("in.embq.queries_down"), text = golden.Get("in.embq.text_down"), patches = golden.Get("in.embq.image");
        int width = (int)queries.size(2), channels = (int)patches.size(2);
        Dictionary<string, Tensor> table = EmbqWeights.Shapes(width, width, channels).ToDictionary(own => own.Name, own => zeros(own.Shape));
        foreach (string name in weights.Names.Where(name => name.StartsWith("embq.", StringComparison.Ordinal)))
        {
            table[EmbqWeights.Prefix + "layers.0" + name["embq".Length..]] = weights.LoadCopy(name);
        }

        using EmbeddedQuery block = RecordedEmbq.Open(new TensorWeights(table), golden.Config.GetProperty("heads_embq").GetInt32(), fused: false);
        Tensor down = golden.Get("in.embq.image_down"), mask = golden.Get("in.embq.mask");
        return cat(
            [
                .. Enumerable.Range(0, (int)queries.size(0)).Select(row => block.RunDown(
                    queries.narrow(0, row, 1), text.narrow(0, row, 1), mask.narrow(0, row, 1), block.SeeDown(down[row], patches[row])).Image),
            ], 0);
    }
}
