using Aperture.Decoding;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>A decoder layer: attention to the words so far, attention to the picture, feed-forward. Rows of padding are zero behind each.</summary>
internal sealed class DecoderLayer
{
    private readonly AttentionBlock _self, _picture;
    private readonly LayerNormWeights _selfNorm, _pictureNorm;
    private readonly FeedForward _feedForward;
    private readonly CaptionConfig _config;
    private readonly string _name;

    /// <summary>Loads a layer.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="layer">Its number.</param>
    /// <param name="config">Sizes.</param>
    public DecoderLayer(WeightLoader loader, int layer, CaptionConfig config)
    {
        string name = $"decoder.layers.{layer}.";
        (_config, _name) = (config, $"decoder.layer{layer}.");
        _self = new AttentionBlock(loader, name + "self_att.", config);
        _picture = new AttentionBlock(loader, name + "enc_att.", config);
        _selfNorm = loader.Norm(name + "lnorm1", config.Width);
        _pictureNorm = loader.Norm(name + "lnorm2", config.Width);
        _feedForward = new FeedForward(loader, name + "pwff.", config);
    }

    /// <summary>Keys and values of the picture's rows.</summary>
    /// <param name="rows"><c>[B, N, d]</c>; borrowed.</param>
    public KeysAndValues ProjectPicture(Tensor rows) => _picture.Project(rows);

    /// <summary>Keys and values of words.</summary>
    /// <param name="rows">What the layer reads, <c>[R, T, d]</c>; borrowed.</param>
    public KeysAndValues ProjectWords(Tensor rows) => _self.Project(rows);

    /// <summary>Runs the layer.</summary>
    /// <param name="x">What it reads, <c>[R, T, d]</c>; borrowed.</param>
    /// <param name="words">Keys and values of the words so far, these among them, for each of R.</param>
    /// <param name="wordMask">Bool, true where a word is not seen, broadcast to <c>[R, heads, T, words]</c>; borrowed.</param>
    /// <param name="picture">Keys and values of B pictures; R / B captions of one picture follow each other.</param>
    /// <param name="pictureMask">Bool <c>[B, 1, 1, N]</c>; borrowed.</param>
    /// <param name="real"><c>[R, T, 1]</c>, 0 for padding and 1 for words; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="run">Who listens. Values begin with <c>decoder.layerN</c>.</param>
    /// <returns><c>[R, T, d]</c>, in the caller's dispose scope.</returns>
    public Tensor Run(
        Tensor x, KeysAndValues words, Tensor wordMask, KeysAndValues picture, Tensor pictureMask, Tensor real, Regularisation? training, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        run.Value(_name + "input", x);
        Tensor attended = _self.Run(x, words, wordMask, bias: null, training);
        run.Value(_name + "self_mha", attended);
        Tensor first = _selfNorm.Run(x.add(training.Drop(attended)), _config.NormEpsilon);
        run.Value(_name + "self", first);
        first = first.mul(real);
        long pictures = picture.Keys.size(0), rows = first.size(0), length = first.size(1);

        // All captions of a picture look at the same keys: as queries of one picture, they need no copies of them.
        Tensor together = first.view(pictures, rows / pictures * length, -1); // [R, T, d] -> [B, R / B * T, d]
        Tensor looked = _picture.Run(together, picture, pictureMask, bias: null, training).view(rows, length, -1);
        run.Value(_name + "cross_mha", looked);
        Tensor second = _pictureNorm.Run(first.add(training.Drop(looked)), _config.NormEpsilon);
        run.Value(_name + "cross", second);
        Tensor result = _feedForward.Run(second.mul(real), training).mul(real);
        run.Value(_name + "out", result);
        return result.MoveToOuterDisposeScope();
    }
}
