using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Plugins.FlashSloth;
using Aperture.Requests;
using Aperture.Scheduling;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>From pixels and ids to logits and greedy tokens: tower, pooling, projector, sequence, every layer, what the queries read and became.</summary>
public abstract class EndToEndRunner : IGoldenRunner
{
    public string Area => "flashsloth";

    public abstract string Kind { get; }

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable mode = inference_mode();
        using RecordedFlashSloth recorded = new(golden);
        IReadOnlyList<VisionFeatures> features = recorded.Encode();
        CompareTower(golden, recorded, features);
        using (FlashSlothReducer off = recorded.Method(recorded.Options(embq: false)))
        {
            golden.Compare("out.logits_embq_off", Prefill(golden, recorded, off, features, null));
        }

        FlashTrace trace = new();
        using FlashSlothReducer method = recorded.Method(recorded.Options());
        golden.Compare("out.logits", Prefill(golden, recorded, method, features, trace));
        CompareLayers(golden, recorded, trace);
        CompareGreedy(golden, recorded, method, features);
        using FlashSlothReducer fused = recorded.Method(recorded.Options() with { FuseValueProjection = true });
        golden.Compare("out.logits", Prefill(golden, recorded, fused, features, null));
        golden.NotCompared("in.input_ids", "read when the case is opened");
    }

    private static void CompareTower(GoldenCase golden, RecordedFlashSloth recorded, IReadOnlyList<VisionFeatures> features)
    {
        if (golden.Has("mid.F_raw"))
        {
            golden.Compare("mid.F_raw", cat([.. features.Select(own => own.Tokens)], 0).view(golden.Get("mid.F_raw").shape));
        }

        int blocks = recorded.Encoder.Tower.Weights.Blocks.Count;
        if (golden.Has("mid.siglip.embeddings"))
        {
            Tensor pixels = Vision.GeneratedTensor.Make(golden.Config.GetProperty("pixels"));
            HashSet<int> states = [.. Enumerable.Range(0, blocks + 1)];
            VisionRun run = recorded.Encoder.Tower.Run(pixels, new VisionRequest { HiddenStates = states }, CancellationToken.None);
            golden.Compare("mid.siglip.embeddings", run[0]);
            for (int block = 0; block < blocks; block++)
            {
                golden.Compare($"mid.siglip.block{block}", run[block + 1]);
            }
        }
    }

    private static Tensor Prefill(
        GoldenCase golden, RecordedFlashSloth recorded, FlashSlothReducer method, IReadOnlyList<VisionFeatures> features, FlashTrace? trace)
    {
        RequestPath path = new(recorded.Model, HookTableBuilder.Build(recorded.Model.Decoder.Info, [method]));
        List<Tensor> projected = [];
        using EnteredRequest entered = recorded.Enter(path, features, trace, own => projected.Add(own.Rows), cache: 0);
        Tensor rows = entered.TakeRows();
        if (trace is not null)
        {
            golden.Compare("mid.inputs_embeds", rows.view(golden.Get("mid.inputs_embeds").shape));
            if (golden.Has("mid.projected"))
            {
                golden.Compare("mid.projected", stack(projected, 0));
            }

            if (golden.Has("mid.sap"))
            {
                ComparePooled(golden, recorded, features);
                CompareShown(golden, entered.Layouts, features, trace);
            }
        }

        using ForwardState state = recorded.Model.Decoder.Begin(entered.Request, DecoderPhase.Prefill, entered.Layouts);
        Tensor last = recorded.Model.Decoder.Run(state, rows.clone(), CancellationToken.None);
        if (trace is not null)
        {
            int inject = recorded.Options().InjectLayer;
            QueryChecks.Compare(golden, recorded, entered.Layouts, trace.Outputs[inject - 1], features, []);
            golden.Compare("mid.final_layernorm", recorded.Model.Decoder.FinalNorm(last, (int)last.size(0)).view(golden.Get("mid.final_layernorm").shape));
        }

        return recorded.Model.Decoder.Logits(last, state.Rows).view(golden.Get("out.logits").shape);
    }

    private static void ComparePooled(GoldenCase golden, RecordedFlashSloth recorded, IReadOnlyList<VisionFeatures> features)
    {
        using Plugins.FlashSloth.Sap.SpatialPooling pooling = Plugins.FlashSloth.Sap.SpatialPooling.Load(recorded.Weights, RecordedEmbq.Policy);
        IEnumerable<Tensor> pooled = features.Select(own => pooling.Pool(
            own.Tokens.view(own.Segments.Count, own.Segments[0].Rows, -1), own.Segments[0].Grid, recorded.Options().PoolSize).Cells);
        golden.Compare("mid.sap", cat([.. pooled], 0));
    }

    // The weights that the method shows, over the patches that each token lists, are what was pooled.
    private static void CompareShown(
        GoldenCase golden, IReadOnlyList<SequenceLayout> layouts, IReadOnlyList<VisionFeatures> features, FlashTrace trace)
    {
        List<Tensor> cells = [];
        for (int sample = 0; sample < layouts.Count; sample++)
        {
            (PictureTile Picture, string Name, Tensor Value)[] own = [.. trace.Pictures.Where(value => value.Picture.Sample == sample)];
            Assert.All(own, value => Assert.Equal("sap.weights", value.Name));
            Tensor weights = cat([.. own.Select(value => value.Value)], 0); // [tiles N]
            foreach (Span span in layouts[sample].OriginalSpans.Where(span => span.Kind == SpanKind.Image))
            {
                foreach (int[] sources in span.Sources!)
                {
                    Tensor patches = tensor(Array.ConvertAll(sources, place => (long)(place + (span.Tile * span.Grid.Count))));
                    cells.Add(weights.index_select(0, patches).unsqueeze(0).matmul(features[sample].Tokens.index_select(0, patches))); // [1, C]
                }
            }
        }

        golden.Compare("mid.sap", cat(cells, 0).view(golden.Get("mid.sap").shape));
    }

    private static void CompareLayers(GoldenCase golden, RecordedFlashSloth recorded, FlashTrace trace)
    {
        for (int layer = 0; layer < recorded.Model.Decoder.Spec.Layers; layer++)
        {
            (string Name, Func<Tensor> Value)[] values =
            [
                ("in", () => trace.Inputs[layer]), ("out", () => trace.Outputs[layer]),
                ("key", () => stack([.. Samples().Select(sample => trace.Caches[(layer, sample)].Keys)], 0)),
                ("value", () => stack([.. Samples().Select(sample => trace.Caches[(layer, sample)].Values)], 0)),
            ];
            foreach ((string name, Func<Tensor> value) in values.Where(value => golden.Has($"mid.layer{layer}.{value.Name}")))
            {
                string full = $"mid.layer{layer}.{name}";
                golden.Compare(full, value().view(golden.Get(full).shape));
            }
        }

        golden.Compare("mid.embq.i2q_map_mean", cat(trace.Values["embq.attention"], 0));

        IEnumerable<int> Samples() => Enumerable.Range(0, recorded.Ids.Length);
    }

    private static void CompareGreedy(GoldenCase golden, RecordedFlashSloth recorded, FlashSlothReducer method, IReadOnlyList<VisionFeatures> features)
    {
        RequestPath path = new(recorded.Model, HookTableBuilder.Build(recorded.Model.Decoder.Info, [method]));
        int tokens = (int)golden.Get("out.greedy_tokens").size(1);
        using EnteredRequest entered = recorded.Enter(path, features, cache: tokens);
        using GenerationSession session = new(recorded.Model.Decoder, entered.Request);
        session.Prefill(entered.TakeRows(), CancellationToken.None);
        GenerationResult result = session.Generate(
            new GenerationOptions { MaxNewTokens = tokens }, new GenerationControl { KeepLogits = true }, entered.SeenIds, CancellationToken.None);
        golden.CompareExact("out.greedy_tokens", BaseModels.RecordedLlava.Ids(result));
        golden.Compare("out.greedy_logits", BaseModels.RecordedLlava.Logits(result));
    }
}

/// <summary>One picture, one turn.</summary>
public sealed class SingleRunner : EndToEndRunner
{
    public override string Kind => "fs_e2e_single";
}

/// <summary>A picture as a whole and in four tiles.</summary>
public sealed class HdRunner : EndToEndRunner
{
    public override string Kind => "fs_e2e_hd";
}

/// <summary>Two samples of equal length.</summary>
public sealed class BatchRunner : EndToEndRunner
{
    public override string Kind => "fs_e2e_batch2";
}

/// <summary>Two turns when answering: the later one reads the first question, as the official code does.</summary>
public sealed class TwoTurnsRunner : EndToEndRunner
{
    public override string Kind => "fs_two_turns_no_labels";
}
