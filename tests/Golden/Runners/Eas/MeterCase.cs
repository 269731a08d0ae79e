using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Plugins.Eas.Meter;
using Aperture.Text;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.Eas;

/// <summary>The METER of a case, and its inputs.</summary>
internal sealed class MeterCase : IDisposable
{
    private readonly GoldenCase _golden;

    public MeterCase(GoldenCase golden, bool trainable = false)
    {
        _golden = golden;
        JsonElement config = golden.Config;
        Weights.IWeightSource weights = golden.Weights();
        MeterConfig sizes = MeterConfig.Read(weights, config.GetProperty("heads").GetInt32(), config.GetProperty("vis").GetProperty("heads").GetInt32());
        sizes = sizes with
        {
            NormEpsilon = config.GetProperty("cross_layer_norm_eps").GetDouble(),
            Text = sizes.Text with { NormEpsilon = config.GetProperty("text_layer_norm_eps").GetDouble() },
        };
        Assert.Equal(config.GetProperty("cross_layers").GetInt32(), sizes.Layers);
        Assert.Equal(config.GetProperty("clip_blocks_built").GetInt32(), sizes.Vision.Layers);
        Assert.Equal(config.GetProperty("pad_token_id").GetInt32(), sizes.Text.PadId);
        Model = MeterModel.Load(weights, sizes, new WeightPolicy(CPU, ScalarType.Float32, ScalarType.Float32), trainable);
    }

    public MeterModel Model { get; }

    /// <summary>The plan of a list in the case's configuration; nothing is skipped where it has none.</summary>
    public MeterPlan Plan(string list = "skipList", bool? legacyArmMap = null)
    {
        int[] arms = _golden.Config.TryGetProperty(list, out JsonElement value) ? [.. value.EnumerateArray().Select(arm => arm.GetInt32())] : [];
        bool legacy = legacyArmMap ?? (!_golden.Config.TryGetProperty("legacyArmMap", out JsonElement map) || map.GetBoolean());
        return MeterPlan.FromArms(arms, Model.Config.Layers, legacy);
    }

    /// <summary>Features of the case's texts with one of its pictures; in the caller's dispose scope.</summary>
    public MeterFeatures Infer(
        MeterPlan plan, int picture = 0, BertTrace? trace = null, Action<int, Tensor, Tensor>? layers = null, Action<Tensor>? vision = null)
    {
        (Tensor ids, Tensor mask) = (_golden.Get("in.text_ids"), _golden.Get("in.text_masks"));
        Tensor text, image;
        using (no_grad())
        {
            text = Model.EncodeText(ids, mask, trace);
            image = Model.EncodeImage(_golden.Get($"in.image_{picture}"));
        }

        vision?.Invoke(image);
        return Model.Fuse(text, mask, image, plan, picture + 1, trace: layers);
    }

    public void Compare(string prefix, MeterFeatures features)
    {
        _golden.Compare(prefix + "text_feats", features.Text);
        _golden.Compare(prefix + "image_feats", features.Image);
        _golden.Compare(prefix + "cls_feats", features.Pooled);
        _golden.Compare(prefix + "vqa_logits", Model.Heads.Vqa!.Run(features.Pooled));
    }

    public void CompareLayers(int layer, Tensor text, Tensor image)
    {
        _golden.Compare($"mid.text_{layer}", text);
        _golden.Compare($"mid.image_{layer}", image);
    }

    public void Dispose() => Model.Dispose();
}
