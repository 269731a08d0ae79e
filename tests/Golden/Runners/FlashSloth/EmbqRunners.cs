using System.Text.Json;
using Aperture.Decoding;
using Aperture.Golden.Tests.Vision;
using Aperture.Plugins.FlashSloth.Embq;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>The queries' block as cases hold it: rows, padded text, patches of each row.</summary>
internal static class RecordedEmbq
{
    public static WeightPolicy Policy { get; } = new(CPU, ScalarType.Float32, ScalarType.Float32);

    /// <summary>A block over weights.</summary>
    public static EmbeddedQuery Open(IWeightSource weights, int heads, bool fused)
        => new EmbeddedQuery(EmbqWeights.Load(weights, Policy), heads, fused).Checked();

    /// <summary>Every row with patches of its own.</summary>
    public static Tensor Rows(EmbeddedQuery block, Tensor queries, Tensor text, Tensor? mask, Tensor patches, Func<EmbqResult, Tensor>? of = null)
    {
        List<Tensor> rows = [];
        for (int row = 0; row < queries.size(0); row++)
        {
            EmbqImage image = block.See(patches[row]);
            EmbqResult result = block.Run(queries.narrow(0, row, 1), text.narrow(0, row, 1), mask?.narrow(0, row, 1), image);
            rows.Add((of ?? (own => own.Rows))(result));
        }

        return cat(rows, 0);
    }
}

/// <summary>The block's attention, to padded text and to patches.</summary>
public sealed class EmbqAttentionRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "embq_attention";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int heads = golden.Config.GetProperty("heads").GetInt32();
        IWeightSource weights = golden.Weights();
        foreach ((string part, string values, bool masked) in new[] { ("t2q", "in.v_text", true), ("i2q", "in.v_image", false) })
        {
            Tensor Through(string name, Tensor rows)
            {
                Tensor matrix = weights.Load($"{part}.{name}.weight");
                using Matrix linear = RecordedEmbq.Policy.Linear(weights, $"{part}.{name}", (int)matrix.size(0), (int)matrix.size(1), bias: true);
                Tensor all = linear.Apply(rows);
                return all.view(rows.size(0), rows.size(1), heads, -1).transpose(1, 2);
            }

            // Valid words have 1 added to their scores, padding -10000.
            Tensor? mask = masked ? golden.Get("in.mask").mul(10001).sub(10000).view(-1, 1, 1, golden.Get("in.mask").size(1)) : null;
            Tensor map = EmbeddedQuery.Attend(Through("q_proj", golden.Get("in.q")), Through("k_proj", golden.Get("in.k")), mask);
            golden.Compare($"out.{part}_weights", map);
            golden.Compare($"out.{part}", map.matmul(Through("v_proj", golden.Get(values))).transpose(1, 2).flatten(2));
        }
    }
}

/// <summary>The whole block with padded, empty and unmasked text; with values fused too.</summary>
public sealed class EmbqBlockRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "embq_block";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        int heads = golden.Config.GetProperty("heads").GetInt32();
        Tensor queries = golden.Get("in.queries"), text = golden.Get("in.text"), mask = golden.Get("in.mask"), patches = golden.Get("in.image");
        foreach (bool fused in new[] { false, true })
        {
            using EmbeddedQuery block = RecordedEmbq.Open(golden.Weights(), heads, fused);
            golden.Compare("out.hidden", RecordedEmbq.Rows(block, queries, text, mask, patches));
            golden.Compare("out.hidden_no_mask", RecordedEmbq.Rows(block, queries, text, null, patches));
            golden.Compare("out.hidden_empty_text", RecordedEmbq.Rows(block, queries, text.narrow(1, 0, 0), mask.narrow(1, 0, 0), patches));
        }
    }
}

/// <summary>The block at its real widths; weights and inputs come from the case's formula.</summary>
public sealed class EmbqRealWidthRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public string Kind => "embq_real_width";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        JsonElement weights = golden.Config.GetProperty("weights"), inputs = golden.Config.GetProperty("inputs");
        TensorWeights made = new(weights.EnumerateObject().ToDictionary(
            one => one.Name, one => GeneratedTensor.Make(one.Value).add(one.Value.GetProperty("offset").GetDouble())));
        Tensor mask = golden.Get("in.mask"), queries = GeneratedTensor.Make(inputs.GetProperty("queries")), patches = GeneratedTensor.Make(
            inputs.GetProperty("image"));
        Tensor text = GeneratedTensor.Make(inputs.GetProperty("text")).mul(mask.unsqueeze(-1));
        golden.CompareExact("mid.queries_probe", queries.flatten().narrow(0, 0, 16));
        golden.CompareExact("mid.weight_probe", made.Load(EmbqWeights.Prefix + "up_projector.weight").flatten().narrow(0, 0, 16));
        foreach (bool fused in new[] { false, true })
        {
            EmbeddedQuery block = RecordedEmbq.Open(made, golden.Config.GetProperty("heads").GetInt32(), fused);
            golden.Compare("out.hidden", RecordedEmbq.Rows(block, queries, text, mask, patches));
            golden.Compare("mid.t2q_map", RecordedEmbq.Rows(block, queries, text, mask, patches, own => own.Layer.TextMap));
            golden.Compare("mid.u", RecordedEmbq.Rows(block, queries, text, mask, patches, own => own.Layer.Text));
            golden.Compare("mid.i2q_map_mean", RecordedEmbq.Rows(block, queries, text, mask, patches, own => own.Layer.ImageMap.mean([1])));
        }
    }
}
