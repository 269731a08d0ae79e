using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DitSam.Sam;

/// <summary>A layer of the mask decoder's transformer: tokens among themselves, tokens to the picture, a feed-forward network, the picture to tokens.</summary>
internal sealed class TwoWayLayer
{
    /// <summary>Added to the variance in the decoder's norms.</summary>
    public const double Epsilon = 1e-5;

    private readonly DecoderAttention _among, _toImage, _toTokens;
    private readonly LayerNormWeights _norm1, _norm2, _norm3, _norm4;
    private readonly Matrix _up, _down;
    private readonly bool _isFirst;

    /// <summary>Loads a layer.</summary>
    public TwoWayLayer(WeightLoader loader, string name, SamConfig config, (int Inner, int FeedForward) sizes, bool isFirst)
    {
        int p = config.PromptWidth, heads = config.DecoderHeads;
        _among = new DecoderAttention(loader, name + "self_attn.", p, p, heads);
        _toImage = new DecoderAttention(loader, name + "cross_attn_token_to_image.", p, sizes.Inner, heads);
        _toTokens = new DecoderAttention(loader, name + "cross_attn_image_to_token.", p, sizes.Inner, heads);
        (_norm1, _norm2) = (loader.Norm(name + "norm1", p), loader.Norm(name + "norm2", p));
        (_norm3, _norm4) = (loader.Norm(name + "norm3", p), loader.Norm(name + "norm4", p));
        (_up, _down) = (loader.Linear(name + "mlp.lin1", sizes.FeedForward, p), loader.Linear(name + "mlp.lin2", p, sizes.FeedForward));
        _isFirst = isFirst;
    }

    /// <summary>Runs the layer.</summary>
    /// <param name="queries">Tokens <c>[B, T, P]</c>; borrowed.</param>
    /// <param name="keys">Places of the picture <c>[B, N, P]</c>; borrowed.</param>
    /// <param name="tokens">The tokens as they came, their positions; borrowed.</param>
    /// <param name="positions">Positions of the places <c>[1, N, P]</c>; borrowed.</param>
    /// <returns>Both anew, in the caller's scope.</returns>
    public (Tensor Queries, Tensor Keys) Run(Tensor queries, Tensor keys, Tensor tokens, Tensor positions)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = queries;
        if (_isFirst)
        {
            x = _among.Run(x, x, x); // neither positions nor residual
        }
        else
        {
            Tensor placed = x.add(tokens);
            x = x.add(_among.Run(placed, placed, x));
        }

        x = _norm1.Run(x, Epsilon);
        Tensor seen = keys.add(positions);
        x = _norm2.Run(x.add(_toImage.Run(x.add(tokens), seen, keys)), Epsilon);
        x = _norm3.Run(x.add(_down.Apply(F.relu(_up.Apply(x)))), Epsilon);
        Tensor y = _norm4.Run(keys.add(_toTokens.Run(seen, x.add(tokens), x)), Epsilon);
        return (x.MoveToOuterDisposeScope(), y.MoveToOuterDisposeScope());
    }
}
