using Aperture.Decoding;
using Aperture.Tasks;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>The decoder: what words may follow, given an encoded picture and the words so far.</summary>
internal sealed class CaptionDecoder
{
    private readonly Tensor _words, _positions, _vocabulary;
    private readonly DecoderLayer[] _layers;
    private readonly CaptionConfig _config;

    /// <summary>Loads the decoder.</summary>
    /// <param name="loader">Loads and owns the weights.</param>
    /// <param name="config">Sizes.</param>
    public CaptionDecoder(WeightLoader loader, CaptionConfig config)
    {
        _config = config;
        _words = loader.Tensor("decoder.word_emb.weight", config.Vocabulary, config.Width);
        _positions = loader.Tensor("decoder.pos_emb.weight", config.Positions, config.Width); // never computed: the trained table is not a sinusoid's
        _vocabulary = loader.Tensor("decoder.fc.weight", config.Vocabulary, config.Width);
        _layers = [.. Enumerable.Range(0, config.DecoderLayers).Select(layer => new DecoderLayer(loader, layer, config))];
    }

    /// <summary>Whole captions at once, each position seeing those before it.</summary>
    /// <param name="ids">int64 <c>[R, T]</c>, padded behind; R / B captions of one picture follow each other. Borrowed.</param>
    /// <param name="picture">B encoded pictures; borrowed.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="run">Who listens.</param>
    /// <returns>Log-probabilities of the next word, float32 <c>[R, T, vocabulary]</c>, in the caller's dispose scope.</returns>
    /// <exception cref="ApertureException">The captions are longer than the position table.</exception>
    public Tensor Run(Tensor ids, EncodedGrid picture, Regularisation? training, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        long length = ids.size(1);
        if (length > _config.LongestCaption)
        {
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: a caption of {length} tokens; the checkpoint's position table ends at {_config.LongestCaption}.");
        }

        Tensor padding = ids.eq(_config.Special.Padding); // [R, T]
        Tensor later = ones(length, length, dtype: ScalarType.Bool, device: ids.device).triu(1); // [T, T]
        Tensor mask = later.logical_or(padding.unsqueeze(1).unsqueeze(1)); // [R, 1, T, T]
        Tensor places = arange(1, length + 1, dtype: ScalarType.Int64, device: ids.device).expand(ids.size(0), -1).masked_fill(padding, 0);
        Tensor x = _words.index_select(0, ids.flatten()).add(_positions.index_select(0, places.flatten())).view(ids.size(0), length, -1); // [R, T, d]
        Tensor real = padding.logical_not().unsqueeze(-1).to_type(x.dtype);
        foreach (DecoderLayer layer in _layers)
        {
            run.Cancellation.ThrowIfCancellationRequested();
            x = layer.Run(x, layer.ProjectWords(x), mask, layer.ProjectPicture(picture.Rows), picture.Mask, real, training, run);
        }

        return Predict(x).MoveToOuterDisposeScope();
    }

    /// <summary>Begins captions that grow word by word.</summary>
    /// <param name="picture">B encoded pictures; borrowed.</param>
    /// <returns>The state; the caller disposes it.</returns>
    public DecoderState Begin(EncodedGrid picture) => new([.. _layers.Select(layer => layer.ProjectPicture(picture.Rows))], picture.Mask);

    /// <summary>The next word of each caption.</summary>
    /// <param name="ids">int64 <c>[R]</c>, the last word of each; borrowed.</param>
    /// <param name="state">What was said before; takes the words in.</param>
    /// <param name="training">How to train; null outside training.</param>
    /// <param name="run">Who listens.</param>
    /// <returns>Log-probabilities of the next word, float32 <c>[R, vocabulary]</c>, in the caller's dispose scope.</returns>
    public Tensor Step(Tensor ids, DecoderState state, Regularisation? training, TaskRun run)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor padding = ids.eq(_config.Special.Padding);

        // Here a word of padding has a place like any other, where whole captions give it place 0.
        state.Advance(padding.view(-1, 1, 1, 1));
        Tensor x = _words.index_select(0, ids).add(_positions[state.Length]).unsqueeze(1); // [R] -> [R, 1, d]
        Tensor real = padding.logical_not().view(-1, 1, 1).to_type(x.dtype);
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            KeysAndValues words = state.Append(layer, _layers[layer].ProjectWords(x));
            x = _layers[layer].Run(x, words, state.Mask, state.Picture(layer), state.PictureMask, real, training, run);
        }

        return Predict(x).squeeze(1).MoveToOuterDisposeScope();
    }

    private Tensor Predict(Tensor x) => F.linear(x, _vocabulary).log_softmax(-1, ScalarType.Float32); // [R, T, d] -> [R, T, vocabulary]
}
