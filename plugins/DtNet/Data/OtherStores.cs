using Aperture.Files;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>Arrays in a numpy archive.</summary>
/// <param name="path">The <c>.npz</c> file.</param>
internal sealed class ArchiveStore(string path) : IFeatureStore
{
    private readonly IReadOnlyDictionary<string, NumpyArray> _arrays = NumpyFile.ReadArchive(path);

    public string Path => path;

    public IEnumerable<string> SomeNames => _arrays.Keys;

    public bool Contains(string name) => _arrays.ContainsKey(name);

    public (long[] Shape, float[] Values) Read(string name) => ([.. _arrays[name].Shape], _arrays[name].ToSingles());

    public void Dispose()
    {
    }
}

/// <summary>Arrays in files of their own: <c>ID.npy</c>.</summary>
/// <param name="path">The folder.</param>
internal sealed class FolderStore(string path) : IFeatureStore
{
    public string Path => path;

    public IEnumerable<string> SomeNames => Directory.EnumerateFiles(path, "*.npy").Select(file => System.IO.Path.GetFileNameWithoutExtension(file));

    public bool Contains(string name) => name.IndexOfAny(['/', '\\']) < 0 && File.Exists(FileOf(name));

    public (long[] Shape, float[] Values) Read(string name)
    {
        NumpyArray array = NumpyFile.Read(FileOf(name));
        return ([.. array.Shape], array.ToSingles());
    }

    public void Dispose()
    {
    }

    private string FileOf(string name) => System.IO.Path.Combine(path, name + ".npy");
}

/// <summary>Arrays in a weights file, such as <c>.safetensors</c>.</summary>
/// <param name="path">The file.</param>
internal sealed class WeightStore(string path) : IFeatureStore
{
    private readonly IWeightSource _source = WeightFiles.Open(path);

    public string Path => path;

    public IEnumerable<string> SomeNames => _source.Names;

    public bool Contains(string name) => _source.Contains(name);

    public (long[] Shape, float[] Values) Read(string name)
    {
        using Tensor values = _source.LoadCopy(name, ScalarType.Float32);
        return (values.shape, values.data<float>().ToArray());
    }

    public void Dispose() => _source.Dispose();
}
