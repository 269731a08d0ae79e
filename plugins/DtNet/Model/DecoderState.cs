using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Model;

/// <summary>
/// Captions that grow word by word: keys and values of the words so far and of the pictures, which are projected once where the official code projects them
/// anew at each word. Owns its tensors.
/// </summary>
internal sealed class DecoderState : IDisposable
{
    private readonly KeysAndValues[] _pictures;
    private readonly KeysAndValues?[] _words;
    private Tensor? _mask;

    /// <summary>No word yet.</summary>
    /// <param name="pictures">Layer by layer keys and values of the pictures; owned.</param>
    /// <param name="mask">Bool <c>[B, 1, 1, N]</c>; borrowed.</param>
    public DecoderState(KeysAndValues[] pictures, Tensor mask)
    {
        _pictures = pictures;
        _words = new KeysAndValues?[pictures.Length];
        PictureMask = mask;
        foreach (KeysAndValues picture in pictures)
        {
            picture.Keys.DetachFromDisposeScope();
            picture.Values.DetachFromDisposeScope();
        }
    }

    /// <summary>Words so far, and the place of the last one.</summary>
    public int Length { get; private set; }

    /// <summary>Bool <c>[R, 1, 1, words]</c>, true for padding. Borrowed.</summary>
    public Tensor Mask => _mask!;

    /// <summary>The pictures' mask.</summary>
    public Tensor PictureMask { get; }

    /// <summary>Keys and values of the pictures for a layer. Borrowed.</summary>
    public KeysAndValues Picture(int layer) => _pictures[layer];

    /// <summary>A further word of each caption.</summary>
    /// <param name="padding">Bool <c>[R, 1, 1, 1]</c>; borrowed.</param>
    public void Advance(Tensor padding)
    {
        Length++;
        Replace(ref _mask, _mask is null ? padding.clone() : cat([_mask, padding], -1)); // [R, 1, 1, t] -> [R, 1, 1, t + 1]
    }

    /// <summary>Takes in the keys and values of a further word.</summary>
    /// <param name="layer">The layer.</param>
    /// <param name="next"><c>[R, heads, 1, …]</c>; borrowed.</param>
    /// <returns>Those of all words; borrowed.</returns>
    public KeysAndValues Append(int layer, KeysAndValues next)
        => Keep(layer, _words[layer] is { } before ? before.Append(next) : new KeysAndValues(next.Keys.clone(), next.Values.clone()));

    /// <summary>Goes on with other captions.</summary>
    /// <param name="captions">int64 <c>[R']</c>: the captions that go on, each once, several times or never; borrowed.</param>
    public void Select(Tensor captions)
    {
        Replace(ref _mask, _mask!.index_select(0, captions));
        for (int layer = 0; layer < _words.Length; layer++)
        {
            Keep(layer, _words[layer]!.Value.Select(captions));
        }
    }

    public void Dispose()
    {
        _mask?.Dispose();
        foreach (KeysAndValues pair in _pictures.Concat(_words.OfType<KeysAndValues>()))
        {
            pair.Keys.Dispose();
            pair.Values.Dispose();
        }
    }

    private static void Replace(ref Tensor? kept, Tensor next)
    {
        kept?.Dispose();
        kept = next.DetachFromDisposeScope();
    }

    private KeysAndValues Keep(int layer, KeysAndValues next)
    {
        if (_words[layer] is { } before)
        {
            before.Keys.Dispose();
            before.Values.Dispose();
        }

        _words[layer] = new KeysAndValues(next.Keys.DetachFromDisposeScope(), next.Values.DetachFromDisposeScope());
        return next;
    }
}
