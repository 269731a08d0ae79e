using Aperture.Decoding;
using Aperture.Models;
using Aperture.Text;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Text;

/// <summary>A BERT encoder alone: every hidden state and attention map, the pooled row, and the same ids without a mask.</summary>
public class BertEncoderRunner : IGoldenRunner
{
    public string Area => "text";

    public virtual string Kind => "bert_encoder";

    public void Run(GoldenCase golden)
    {
        BertConfig config = BertConfig.Parse(golden.Config, golden.Name);
        WeightPolicy policy = new(CPU, ScalarType.Float32, ScalarType.Float32);
        using BertEncoder encoder = new(config, BertWeights.Load(golden.Weights(), "", config, policy, pooler: true));
        BertTrace trace = new()
        {
            HiddenState = (layer, rows) => golden.Compare($"mid.hidden.{layer}", rows),
            Attention = (layer, probabilities) => golden.Compare($"mid.attention.{layer}", probabilities),
        };
        (Tensor ids, Tensor types) = (golden.Get("in.input_ids"), golden.Get("in.token_type_ids"));

        using Tensor rows = encoder.Run(ids, golden.Get("in.attention_mask"), types, trace);
        golden.Compare("out.last_hidden_state", rows);
        using Tensor pooled = encoder.Pool(rows);
        golden.Compare("out.pooler", pooled);

        using Tensor unmasked = encoder.Run(ids, mask: null, types);
        golden.Compare("out.no_mask.last_hidden_state", unmasked);
    }
}

/// <summary>The same of a RoBERTa encoder, whose positions leave padding out.</summary>
public sealed class RobertaEncoderRunner : BertEncoderRunner
{
    public override string Kind => "roberta_encoder";
}
