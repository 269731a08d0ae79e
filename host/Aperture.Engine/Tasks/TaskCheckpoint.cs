using Aperture.Pipelines;
using Aperture.Weights;

namespace Aperture.Tasks;

/// <summary>
/// A file or folder under the eyes of those who may recognise it. Its weights are opened once, when somebody first asks; disposing it closes them.
/// </summary>
internal sealed class TaskCheckpoint(string path) : ITaskCheckpoint, IDisposable
{
    private IWeightSource? _weights;
    private bool _looked;

    public string Path => path;

    public bool IsFolder { get; } = Directory.Exists(path);

    /// <summary>Why the weights cannot be read; null if they can, or if nobody asked.</summary>
    public string? Trouble { get; private set; }

    public IWeightSource? Weights
    {
        get
        {
            if (!_looked)
            {
                _looked = true;
                Look();
            }

            return _weights;
        }
    }

    public bool Has(string relative) => IsFolder && File.Exists(System.IO.Path.Combine(path, relative));

    public void Dispose() => _weights?.Dispose();

    private void Look()
    {
        try
        {
            _weights = WeightFiles.Open(path, new WeightFileOptions { Lenient = true });
        }
        catch (Exception error) when (error is ApertureException or IOException or UnauthorizedAccessException)
        {
            Trouble = error.Message; // An architecture with a format of its own may know the file all the same.
        }
    }
}
