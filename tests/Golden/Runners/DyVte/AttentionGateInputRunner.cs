using Aperture.Decoding;
using Aperture.Golden.Tests.BaseModels;
using Aperture.Golden.Tests.FitPrune;
using Aperture.Measuring;
using Aperture.Plugins.DyVte;
using Aperture.Requests;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.DyVte;

/// <summary>The gate input of the attention variant on a padded training batch.</summary>
public sealed class AttentionGateInputRunner : IGoldenRunner
{
    public string Area => "dyvte";

    public string Kind => "variant_attention_gate_input";

    public void Run(GoldenCase golden)
    {
        using IDisposable grad = no_grad();
        using DisposeScope scope = NewDisposeScope();
        using RecordedDecoder model = new(golden, RecordedDecoder.ConfigOf(golden));
        TrainingBatch batch = new(golden, model.Decoder);
        int layer = golden.Config.Int("exit_layer");
        MapTrace trace = new(batch, layer);
        using RequestContext request = new(model.Decoder.Info, batch.Layouts, null, trace, null);
        using ForwardState state = model.Decoder.Begin(request, DecoderPhase.Prefill, batch.Layouts);
        model.Decoder.RunLayers(state, batch.Rows.clone(), 0, layer + 1, CancellationToken.None);
        golden.Compare("out.gate_feature", stack(trace.Features, 0));
    }

    private sealed class MapTrace(TrainingBatch batch, int wanted) : IDecoderTrace
    {
        public List<Tensor> Features { get; } = [];

        public bool WantsAttention(int layer) => layer == wanted;

        public void LayerAttention(ILayerContext context, IAttentionStatistics statistics)
        {
            for (int sample = 0; sample < context.Samples; sample++)
            {
                int answer = batch.Answer(sample);
                PromptRows prompt = PromptRows.Of(context.Layout(sample).Keep([.. Enumerable.Range(0, context.Layout(sample).Count - answer)]));
                Tensor map = zeros(0);
                statistics.RowBlocks(sample, [prompt.Visual[^1], prompt.Last], (_, block) => map = block.amax([0])); // [2, rows]
                Tensor padded = cat([map, zeros(2, batch.Padded - map.size(1))], 1);

                // The official code cuts a sample's rows to the valid part, but its columns only by the answer's length.
                int[] text = [.. Enumerable.Range(prompt.Text[0], batch.Padded - answer - prompt.Text[0])];
                Features.Add(
                    GateInputs.OfAttentionRows(padded[0], padded[1], prompt.Visual, text, prompt.VisualPlaces(context.Layout(sample)), prompt.Visual.Length));
            }
        }
    }
}
