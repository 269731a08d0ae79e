using Aperture.Models;
using Aperture.Plugins.Eas.Meter;
using Aperture.Sequences;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>Plain METER: every cross-modal layer, pooled features and VQA's logits.</summary>
public sealed class MeterBaseRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "meter_base_infer";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using MeterCase meter = new(golden);
        Assert.False(meter.Model.Config.Adapted);
        using IDisposable quiet = no_grad();
        meter.Compare("out.", meter.Infer(meter.Plan("none"), layers: meter.CompareLayers));
        golden.NotCompared("in.image_1", "the recorded function takes the first picture");
    }
}

/// <summary>METER with EAS's adapters: a skip list, none, the committed one, and arms 18 to 23 on the picture's cross-attention.</summary>
public sealed class MeterEasRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "meter_eas_infer";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using MeterCase meter = new(golden);
        using IDisposable quiet = no_grad();
        BertTrace trace = new()
        {
            HiddenState = (layer, rows) =>
            {
                if (layer == 0)
                {
                    golden.Compare("mid.text_embeddings", rows);
                }

                if (layer == meter.Model.Config.Text.Layers)
                {
                    golden.Compare("mid.text_encoder", rows);
                }
            },
        };
        meter.Compare("out.", meter.Infer(meter.Plan(), trace: trace, layers: meter.CompareLayers, vision: rows => golden.Compare("mid.vit", rows)));
        meter.Compare("out.no_skip.", meter.Infer(meter.Plan("none")));
        if (golden.Has("out.committed_list.cls_feats"))
        {
            meter.Compare("out.committed_list.", meter.Infer(meter.Plan("committedList")));
        }

        if (golden.Has("out.intended_arm_map.cls_feats"))
        {
            golden.Compare("out.intended_arm_map.cls_feats", meter.Infer(meter.Plan(legacyArmMap: false)).Pooled);
        }

        golden.NotCompared("in.image_1", "the recorded function takes the first picture");
    }
}

/// <summary>One cross-modal layer: its adapters alone, and the four ways of skipping.</summary>
public sealed class MeterCrossLayerRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "meter_cross_layer";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using MeterCase meter = new(golden);
        using IDisposable quiet = no_grad();
        IReadOnlyList<MeterCrossLayer> layers = golden.Config.GetProperty("stream").GetString() == "text" ? meter.Model.TextLayers : meter.Model.ImageLayers;
        MeterCrossLayer layer = layers[golden.Config.GetProperty("layer").GetInt32()];
        (Tensor h, Tensor other) = (golden.Get("in.hidden"), golden.Get("in.other"));
        golden.Compare("mid.adapter_self", layer.AdaptSelf(h));
        golden.Compare("mid.pia_self", layer.PropagateSelf(h));
        golden.Compare("mid.pia_cross", layer.PropagateCross(h, other));
        foreach (bool self in new[] { false, true })
        {
            foreach (bool cross in new[] { false, true })
            {
                Tensor y = layer.Run(h, other, golden.Get("in.mask_self"), golden.Get("in.mask_other"), (self, cross));
                golden.Compare($"out.skip_self_{(self ? 1 : 0)}_cross_{(cross ? 1 : 0)}", y);
            }
        }
    }
}

/// <summary>VQA's loss, NLVR2 on two pictures with its loss, and the retrieval score.</summary>
public sealed class MeterHeadsRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "meter_heads";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using MeterCase meter = new(golden);
        using IDisposable quiet = no_grad();
        MeterHeads heads = meter.Model.Heads;
        MeterPlan plan = meter.Plan();
        (MeterFeatures first, MeterFeatures second) = (meter.Infer(plan), meter.Infer(plan, picture: 1));
        golden.Compare("out.nlvr2_cls_feats_0", first.Pooled);
        golden.Compare("out.nlvr2_cls_feats_1", second.Pooled);
        Tensor nlvr2 = heads.Nlvr2!.Run(cat([first.Pooled, second.Pooled], -1));
        golden.Compare("out.nlvr2_logits", nlvr2);
        golden.Compare("out.nlvr2_loss", MeterLosses.Classification(nlvr2, golden.Get("in.nlvr2_labels")));
        golden.Compare("out.vqa_loss", MeterLosses.Vqa(heads.Vqa!.Run(first.Pooled), golden.Get("in.vqa_targets")));
        golden.Compare("out.rank_score", heads.Rank(first.Pooled));
    }
}

/// <summary>VQA's loss in training: what is trained, what gets no gradient under the plan, and the gradients.</summary>
public sealed class MeterTrainRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "meter_eas_train";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using MeterCase meter = new(golden, trainable: true);
        Dictionary<string, Tensor> trained = meter.Model.Trained.ToDictionary(pair => pair.Name, pair => pair.Tensor.requires_grad_(true));
        Assert.Equal(Listed(golden, "trainable").Order(StringComparer.Ordinal), trained.Keys.Order(StringComparer.Ordinal));

        MeterFeatures features = meter.Infer(meter.Plan());
        Tensor loss = MeterLosses.Vqa(meter.Model.Heads.Vqa!.Run(features.Pooled), golden.Get("in.vqa_targets"));
        golden.Compare("out.loss", loss);
        loss.backward();

        foreach (string name in golden.Names.Where(name => name.StartsWith("out.grad.", StringComparison.Ordinal)))
        {
            golden.Compare(name, trained[name["out.grad.".Length..]].grad!);
        }

        Tensor[] norms = [.. Listed(golden, "grad_norms_names").Select(name => trained[name].grad!.norm())];
        golden.Compare("out.grad_norms", stack(norms));
        Assert.Equal(
            Listed(golden, "no_gradient").Order(StringComparer.Ordinal),
            trained.Where(pair => pair.Value.grad is null).Select(pair => pair.Key).Order(StringComparer.Ordinal));
    }

    private static IEnumerable<string> Listed(GoldenCase golden, string key) => golden.Meta.GetProperty(key).EnumerateArray().Select(name => name.GetString()!);
}

/// <summary>A position table for other grids than its own.</summary>
public sealed class MeterPositionRunner : IGoldenRunner
{
    public string Area => "eas";

    public string Kind => "meter_position_resample";

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor table = golden.Weights().Load(MeterKeys.VisionPositions);
        Assert.Equal(1 + (int)Math.Pow(golden.Config.GetProperty("grid").GetInt32(), 2), table.size(0));
        foreach (string name in golden.Names.Where(name => name.StartsWith("out.grid_", StringComparison.Ordinal)))
        {
            int grid = int.Parse(name["out.grid_".Length..], System.Globalization.CultureInfo.InvariantCulture);
            golden.Compare(name, PositionTable.Resample(table, 1, new VisualGrid(grid, grid), PositionResampling.Bicubic));
        }
    }
}
