using Aperture.Images;
using static TorchSharp.torch;

namespace Aperture.Requests;

/// <summary>
/// Pictures of files, seen when first needed and kept while they fit into a budget of memory, for whoever asks about the same pictures again: evaluation,
/// fitting, training.
/// </summary>
/// <param name="see">Sees one picture.</param>
/// <param name="load">Opens a picture's file; null for the file as it is.</param>
internal sealed class SeenPictures(Func<Image, CancellationToken, Seen> see, Func<string, Image>? load = null) : IDisposable
{
    private const long Budget = 1L << 30;
    private readonly Dictionary<string, Seen> _kept = new(StringComparer.Ordinal);
    private readonly List<Seen> _passing = [];
    private long _bytes;

    /// <summary>One picture as it was seen.</summary>
    /// <param name="path">Its full path.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder.</param>
    /// <returns>Borrowed until the next call.</returns>
    public Seen Load(string path, CancellationToken cancellationToken) => Load([path], cancellationToken)[path];

    /// <summary>Some pictures as they were seen.</summary>
    /// <param name="paths">Their full paths.</param>
    /// <param name="cancellationToken">Checked between blocks of the encoder.</param>
    /// <returns>By path; borrowed until the next call.</returns>
    public IReadOnlyDictionary<string, Seen> Load(IEnumerable<string> paths, CancellationToken cancellationToken)
    {
        _passing.ForEach(seen => seen.Dispose());
        _passing.Clear();
        Dictionary<string, Seen> result = new(StringComparer.Ordinal);
        foreach (string path in paths.Distinct(StringComparer.Ordinal))
        {
            if (!_kept.TryGetValue(path, out Seen? seen))
            {
                seen = see(load?.Invoke(path) ?? Image.Load(path), cancellationToken);
                Keep(path, seen);
            }

            result[path] = seen;
        }

        return result;
    }

    /// <summary>Disposes all of them.</summary>
    public void Dispose()
    {
        foreach (Seen seen in _kept.Values.Concat(_passing))
        {
            seen.Dispose();
        }

        _kept.Clear();
        _passing.Clear();
    }

    private void Keep(string path, Seen seen)
    {
        long bytes = seen.Features.Sum(features => Bytes(features.Tokens) + features.HiddenStates.Values.Sum(Bytes))
            + seen.Shared.Values.Sum(Bytes)
            + seen.Images.Sum(image => (long)image.Pixels.Length);
        if (_bytes + bytes <= Budget)
        {
            _kept[path] = seen;
            _bytes += bytes;
        }
        else
        {
            _passing.Add(seen);
        }
    }

    private static long Bytes(Tensor tensor) => tensor.NumberOfElements * tensor.ElementSize;
}
