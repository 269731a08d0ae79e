using Aperture.Engine;
using Aperture.Images;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Training;

/// <summary>Features of the training pictures, encoded when first needed and kept while they fit into a budget of memory. The tower is frozen, so they never change.</summary>
internal sealed class FeatureStore(LlavaModel model) : IDisposable
{
    private const long Budget = 1L << 30;
    private readonly Dictionary<string, VisionFeatures> _kept = new(StringComparer.Ordinal);
    private readonly List<VisionFeatures> _passing = [];
    private long _bytes;

    /// <summary>The features of some pictures.</summary>
    /// <param name="paths">Full paths.</param>
    /// <param name="cancellationToken">Checked between blocks of the tower.</param>
    /// <returns>By path; borrowed until the next call.</returns>
    public IReadOnlyDictionary<string, VisionFeatures> Load(IEnumerable<string> paths, CancellationToken cancellationToken)
    {
        using IDisposable quiet = no_grad();
        _passing.ForEach(features => features.Dispose());
        _passing.Clear();
        string[] wanted = [.. paths.Distinct(StringComparer.Ordinal)];
        string[] missing = [.. wanted.Where(path => !_kept.ContainsKey(path))];
        Dictionary<string, VisionFeatures> result = wanted.Where(_kept.ContainsKey).ToDictionary(path => path, path => _kept[path], StringComparer.Ordinal);
        foreach (string path in missing)
        {
            // One by one: in other company a picture's numbers round differently, and a continued run would not be the same run.
            VisionFeatures features = model.Encode([Image.Load(path)], cancellationToken)[0];
            features.Tokens.DetachFromDisposeScope();
            result[path] = features;
            long bytes = features.Tokens.NumberOfElements * features.Tokens.ElementSize;
            if (_bytes + bytes <= Budget)
            {
                _kept[path] = features;
                _bytes += bytes;
            }
            else
            {
                _passing.Add(features);
            }
        }

        return result;
    }

    /// <summary>Disposes all features.</summary>
    public void Dispose()
    {
        foreach (VisionFeatures features in _kept.Values.Concat(_passing))
        {
            features.Dispose();
        }

        _kept.Clear();
        _passing.Clear();
    }
}
