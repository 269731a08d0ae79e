using Aperture.Decoding;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Text;

/// <summary>What <see cref="BertEncoder.Run"/> shows on the way. The tensors are borrowed for the call.</summary>
public sealed record BertTrace
{
    /// <summary>Gets 0 and the embeddings after their norm, then every layer's number from 1 on and its output <c>[B, N, d]</c>.</summary>
    public Action<int, Tensor>? HiddenState { get; init; }

    /// <summary>Gets every layer's number from 0 on and its attention weights <c>[B, heads, N, N]</c>.</summary>
    public Action<int, Tensor>? Attention { get; init; }
}

/// <summary>A BERT or RoBERTa encoder: word, position and token-type embeddings, post-norm layers, and the pooled first row. Owns its weights.</summary>
/// <param name="config">Sizes.</param>
/// <param name="weights">The weights; owned.</param>
public sealed class BertEncoder(BertConfig config, BertWeights weights) : IDisposable
{
    private const double Masked = 10000; // taken from the logits of a masked token

    /// <summary>Sizes.</summary>
    public BertConfig Config { get; } = config;

    /// <summary>The weights.</summary>
    public BertWeights Weights { get; } = weights;

    /// <summary>An attention mask as a bias on attention logits: 0 where it is 1, -10000 where it is 0.</summary>
    /// <param name="mask"><c>[B, N]</c>, 1 for tokens that are seen; borrowed.</param>
    /// <param name="like">Gives element type and device; borrowed.</param>
    /// <returns><c>[B, 1, 1, N]</c>; the caller disposes it.</returns>
    public static Tensor MaskBias(Tensor mask, Tensor like)
    {
        using DisposeScope scope = NewDisposeScope();
        return mask.to(like.dtype, like.device).sub(1).mul(Masked).unsqueeze(1).unsqueeze(1).MoveToOuterDisposeScope();
    }

    /// <summary>Encodes token ids.</summary>
    /// <param name="ids">int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="mask"><c>[B, N]</c>, 1 for tokens that are seen; borrowed. Null: all are.</param>
    /// <param name="types">Token types, int64 <c>[B, N]</c>; borrowed. Null: all 0.</param>
    /// <param name="trace">Shows hidden states and attention; null for none.</param>
    /// <param name="dropout">Probability of dropping a value; 0 outside training.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <returns>Rows <c>[B, N, d]</c>; the caller disposes them.</returns>
    /// <exception cref="ApertureException">The text is longer than the position table, or an id is not in the vocabulary.</exception>
    public Tensor Run(
        Tensor ids, Tensor? mask = null, Tensor? types = null, BertTrace? trace = null, double dropout = 0, CancellationToken cancellationToken = default)
    {
        Tensor x = Embed(ids, types, dropout);
        using Tensor? bias = mask is null ? null : MaskBias(mask, x);
        trace?.HiddenState?.Invoke(0, x);
        for (int layer = 0; layer < Weights.Layers.Count; layer++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int number = layer;
            using Tensor previous = x;
            x = Layer(previous, bias, Weights.Layers[layer], dropout, trace?.Attention is { } show ? p => show(number, p) : null);
            trace?.HiddenState?.Invoke(layer + 1, x);
        }

        return x;
    }

    /// <summary>The embeddings alone, after their norm: what the first layer gets.</summary>
    /// <param name="ids">int64 <c>[B, N]</c>; borrowed.</param>
    /// <param name="types">Token types, int64 <c>[B, N]</c>; borrowed. Null: all 0.</param>
    /// <param name="dropout">Probability of dropping a value; 0 outside training.</param>
    /// <returns>Rows <c>[B, N, d]</c>; the caller disposes them.</returns>
    /// <exception cref="ApertureException">The text is longer than the position table, or an id is not in the vocabulary.</exception>
    public Tensor Embed(Tensor ids, Tensor? types = null, double dropout = 0)
    {
        using DisposeScope scope = NewDisposeScope();
        Check(ids);
        Tensor tokens = ids.to(Weights.Words.device);
        Tensor words = Rows(Weights.Words, tokens); // [B, N] -> [B, N, d]
        if (words.requires_grad)
        {
            words = where(tokens.ne(Config.PadId).unsqueeze(-1), words, words.detach()); // the row of padding is not trained (padding_idx)
        }

        Tensor kinds = types is null ? Weights.TokenTypes.narrow(0, 0, 1) : Rows(Weights.TokenTypes, types.to(tokens.device));
        Tensor sum = words.add(kinds).add(Rows(Weights.Positions, PositionsOf(tokens)));
        Tensor x = Weights.Norm.Run(sum, Config.NormEpsilon);
        return (dropout > 0 ? F.dropout(x, dropout) : x).MoveToOuterDisposeScope();
    }

    /// <summary>The first row through <c>pooler.dense</c> and tanh.</summary>
    /// <param name="rows">The encoder's output; borrowed.</param>
    /// <returns><c>[B, d]</c>; the caller disposes it.</returns>
    public Tensor Pool(Tensor rows)
    {
        using DisposeScope scope = NewDisposeScope();
        Matrix pooler = Weights.Pooler ?? throw new InvalidOperationException("The encoder was loaded without its pooler.");
        return pooler.Apply(rows.select(1, 0)).tanh().MoveToOuterDisposeScope();
    }

    /// <summary>Disposes the weights.</summary>
    public void Dispose() => Weights.Dispose();

    private static Tensor Rows(Tensor table, Tensor indices) => table.index_select(0, indices.reshape(-1)).view([.. indices.shape, table.size(1)]);

    private void Check(Tensor ids)
    {
        if (ids.size(1) > Config.LongestText)
        {
            throw new ApertureException($"A text of {ids.size(1)} tokens does not fit: the encoder takes at most {Config.LongestText}; truncate it.");
        }

        // On a GPU looking would wait for all work before it; there libtorch itself checks.
        if (ids.device_type == DeviceType.CPU && ids.numel() > 0)
        {
            (long lowest, long highest) = (ids.min().item<long>(), ids.max().item<long>());
            if (lowest < 0 || highest >= Config.Vocabulary)
            {
                long id = lowest < 0 ? lowest : highest;
                throw new ApertureException(
                    $"Token id {id} is not in the encoder's vocabulary of {Config.Vocabulary}; use the tokenizer that belongs to the checkpoint.");
            }
        }
    }

    private Tensor PositionsOf(Tensor tokens)
    {
        if (!Config.PositionsSkipPadding)
        {
            return arange(tokens.size(1), dtype: ScalarType.Int64, device: tokens.device);
        }

        Tensor real = tokens.ne(Config.PadId).to_type(ScalarType.Int64);
        return real.cumsum(1).mul(real).add(Config.PadId); // [B, N]
    }

    private Tensor Layer(Tensor x, Tensor? bias, BertLayerWeights layer, double dropout, Action<Tensor>? probabilities)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor a = layer.Attention.Norm.Run(x.add(layer.Attention.Attend(x, x, bias, Config.Heads, dropout, probabilities)), Config.NormEpsilon);
        return layer.FeedForward.Norm.Run(a.add(layer.FeedForward.Run(a, Config.Activation, dropout)), Config.NormEpsilon).MoveToOuterDisposeScope();
    }
}
