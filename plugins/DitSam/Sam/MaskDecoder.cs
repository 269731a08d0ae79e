using Aperture.Decoding;
using Aperture.Kernels;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>What a decoder gave. Owns its tensors.</summary>
/// <param name="Logits">Masks <c>[B, masks, 4 h, 4 w]</c>.</param>
/// <param name="Scores">Their estimated IoU <c>[B, masks]</c>.</param>
internal sealed record DecodedMasks(Tensor Logits, Tensor Scores) : IDisposable
{
    public void Dispose()
    {
        Logits.Dispose();
        Scores.Dispose();
    }
}

/// <summary>
/// SAM's mask decoder: a transformer in which prompts and picture read each other, an upscaled picture, and for each mask a vector that it is multiplied with.
/// Borrows its tensors.
/// </summary>
internal sealed class MaskDecoder
{
    private readonly Tensor _scoreToken, _maskTokens;
    private readonly TwoWayLayer[] _layers;
    private readonly DecoderAttention _last;
    private readonly LayerNormWeights _lastNorm;
    private readonly (Tensor Weight, Tensor Bias) _double, _quadruple;
    private readonly MapNorm _norm;
    private readonly Perceptron[] _masks;
    private readonly Perceptron _score;
    private readonly long _placeMacs;

    /// <summary>Loads the decoder.</summary>
    public MaskDecoder(WeightLoader loader, IWeightSource source, SamConfig config)
    {
        const string Name = SamKeys.Decoder, Layers = SamKeys.Transformer + "layers.", Last = SamKeys.Transformer + "final_attn_token_to_image.";
        int p = config.PromptWidth, tokens = config.MaskTokens;
        int inner = (int)source.Describe(Last + "q_proj.weight").Shape[0];
        (int Inner, int FeedForward) sizes = (inner, (int)source.Describe(Layers + "0.mlp.lin1.weight").Shape[0]);
        _scoreToken = loader.Tensor(SamKeys.ScoreToken, 1, p);
        _maskTokens = loader.Tensor(SamKeys.MaskTokens, tokens, p);
        _layers = [.. Enumerable.Range(0, config.DecoderLayers).Select(layer => new TwoWayLayer(loader, $"{Layers}{layer}.", config, sizes, layer == 0))];
        _last = new DecoderAttention(loader, Last, p, sizes.Inner, config.DecoderHeads);
        _lastNorm = loader.Norm(SamKeys.Transformer + "norm_final_attn", p);
        (Tensor, Tensor) Upscaling(int at, long inputs, long outputs)
            => (loader.Tensor($"{Name}output_upscaling.{at}.weight", inputs, outputs, 2, 2), loader.Tensor($"{Name}output_upscaling.{at}.bias", outputs));
        (_double, _norm, _quadruple) = (Upscaling(0, p, p / 4), MapNorm.Load(loader, Name + "output_upscaling.1", p / 4), Upscaling(3, p / 4, p / 8));
        _masks = [.. Enumerable.Range(0, tokens).Select(mask => new Perceptron(loader, source, $"{Name}output_hypernetworks_mlps.{mask}.", p, p / 8))];
        _score = new Perceptron(loader, source, Name + "iou_prediction_head.", p, tokens);
        long attention = ((4L * config.DecoderLayers) + 2) * p * inner, upscaling = (3L * p * p / 2) + (2L * p);
        _placeMacs = attention + upscaling;
    }

    /// <summary>Multiply-accumulates over a picture's places for one mask; those of the tokens, which are few, are not counted.</summary>
    /// <param name="places">Places of the image embedding.</param>
    public long Macs(long places) => places * _placeMacs;

    /// <summary>Decodes masks.</summary>
    /// <param name="image">The image embedding <c>[1 or B, P, h, w]</c>; borrowed. One is shared by all prompts.</param>
    /// <param name="positions">Positions of its places <c>[1, P, h, w]</c>; borrowed.</param>
    /// <param name="sparse">Prompts as tokens <c>[B, S, P]</c>; borrowed.</param>
    /// <param name="dense">Prompts as a map <c>[1 or B, P, h, w]</c> or <c>[1, P, 1, 1]</c>; borrowed.</param>
    /// <param name="allReadings">Whether to give every reading of a prompt instead of the single mask.</param>
    /// <param name="queries">Shown the tokens behind the transformer <c>[B, 1 + masks + S, P]</c>, borrowed; null for nobody.</param>
    /// <returns>The caller disposes it.</returns>
    public DecodedMasks Run(Tensor image, Tensor positions, Tensor sparse, Tensor dense, bool allReadings, Action<Tensor>? queries = null)
    {
        using DisposeScope scope = NewDisposeScope();
        long batch = sparse.size(0), height = image.size(2), width = image.size(3), own = _maskTokens.size(0);
        Tensor learned = cat([_scoreToken, _maskTokens], 0).unsqueeze(0).expand(batch, -1, -1); // [1 + masks, P] -> [B, 1 + masks, P]
        Tensor tokens = cat([learned, sparse], 1); // [B, 1 + masks + S, P]
        Tensor source = image.add(dense).expand(batch, -1, -1, -1);
        (Tensor x, Tensor y) = (tokens, source.flatten(2).transpose(1, 2)); // [B, P, h, w] -> [B, h * w, P]
        Tensor places = positions.flatten(2).transpose(1, 2);
        foreach (TwoWayLayer layer in _layers)
        {
            (x, y) = layer.Run(x, y, tokens, places);
        }

        x = _lastNorm.Run(x.add(_last.Run(x.add(tokens), y.add(places), y)), TwoWayLayer.Epsilon);
        queries?.Invoke(x);
        Tensor map = y.transpose(1, 2).unflatten(2, [height, width]); // [B, h * w, P] -> [B, P, h, w]
        map = F.gelu(_norm.Run(Upscale(map, _double))); // -> [B, P / 4, 2 h, 2 w]
        map = F.gelu(Upscale(map, _quadruple)); // -> [B, P / 8, 4 h, 4 w]
        (int first, int count) = allReadings ? (1, (int)own - 1) : (0, 1);
        Tensor factors = stack([.. Enumerable.Range(first, count).Select(mask => _masks[mask].Run(x.select(1, 1 + mask)))], 1); // [B, masks, P / 8]
        Tensor logits = factors.matmul(map.flatten(2)).unflatten(2, [map.size(2), map.size(3)]); // -> [B, masks, 4 h, 4 w]
        Tensor scores = _score.Run(x.select(1, 0)).narrow(1, first, count); // [B, P] -> [B, masks]
        return new DecodedMasks(logits.MoveToOuterDisposeScope(), scores.MoveToOuterDisposeScope());
    }

    private static Tensor Upscale(Tensor map, (Tensor Weight, Tensor Bias) weights)
        => Convolutions.RunTransposed(map, weights.Weight, weights.Bias, 2);
}
