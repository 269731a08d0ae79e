using System.Globalization;
using System.Text.Json.Serialization;
using Aperture.Tasks;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>Which array of a picture holds its grid vectors.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<FeatureKey>))]
internal enum FeatureKey
{
    /// <summary><c>ID_grids</c> where there is one, else <c>ID_features</c>.</summary>
    Auto,

    /// <summary><c>ID_features</c>, as the official code reads.</summary>
    Features,

    /// <summary><c>ID_grids</c>, where a file of five arrays a picture holds its grid vectors.</summary>
    Grids,
}

/// <summary>Grid vectors of pictures by the pictures' ids: HDF5 as published, <c>.npz</c>, <c>.safetensors</c>, or a folder of <c>ID.npy</c>.</summary>
internal sealed class FeatureFile : IDisposable
{
    private readonly IFeatureStore _store;
    private readonly FeatureKey _key;

    private FeatureFile(IFeatureStore store, FeatureKey key) => (_store, _key) = (store, key);

    /// <summary>Opens a file or folder.</summary>
    /// <param name="path">The path.</param>
    /// <param name="key">Which array to read.</param>
    /// <exception cref="ApertureException">It cannot be opened.</exception>
    public static FeatureFile Open(string path, FeatureKey key) => new(
        Directory.Exists(path) ? new FolderStore(path)
        : System.IO.Path.GetExtension(path).ToLowerInvariant() switch
        {
            ".npz" => new ArchiveStore(path),
            ".safetensors" or ".pth" or ".pt" => new WeightStore(path),
            _ => new Hdf5Store(path),
        }, key);

    /// <summary>The id in a name: the number behind the last underscore of an MS-COCO file name, or the name itself.</summary>
    /// <param name="name">An id or a file name.</param>
    public static string IdOf(string name)
    {
        string stem = System.IO.Path.GetFileNameWithoutExtension(name);
        string end = stem[(stem.LastIndexOf('_') + 1)..];
        return long.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number.ToString(CultureInfo.InvariantCulture) : name;
    }

    /// <summary>Whether there are vectors of a picture.</summary>
    /// <param name="name">Its id, or its file name with the id in it.</param>
    public bool Contains(string name) => Array.Exists(Names(IdOf(name)), _store.Contains);

    /// <summary>Reads a picture's vectors.</summary>
    /// <param name="name">Its id, or its file name with the id in it.</param>
    /// <returns>As stored, <c>[rows, channels]</c>.</returns>
    /// <exception cref="ApertureException">There are none, or they have another form.</exception>
    public FeatureRows Read(string name)
    {
        string id = IdOf(name);
        string[] names = Names(id);
        string? found = Array.Find(names, _store.Contains);
        if (found is null)
        {
            string there = string.Join(", ", _store.SomeNames.Take(3));
            throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: '{_store.Path}' holds no features of picture '{id}' (no {string.Join(" or ", names)}); it holds "
                + $"{(there.Length > 0 ? there + ", …" : "nothing")}.");
        }

        (long[] shape, float[] values) = _store.Read(found);
        if (shape.Length == 3)
        {
            shape = [shape[0] * shape[1], shape[2]]; // a map [H, W, channels] is its rows one after the other
        }

        return shape.Length == 2 && shape[0] > 0 && shape[1] > 0
            ? new FeatureRows(values, (int)shape[0], (int)shape[1])
            : throw new ApertureException(
                $"{DtNetFactory.CaptionerName}: '{found}' in '{_store.Path}' has shape [{string.Join(", ", shape)}]; features are [rows, channels].");
    }

    /// <summary>Rows filled up with zeros, or cut, to the number that a model takes. Zero rows are looked at like others, as in the official code.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="count">How many are wanted.</param>
    public static float[] Fit(FeatureRows rows, int count)
    {
        float[] values = new float[count * rows.Channels];
        int kept = Math.Min(count, rows.Rows) * rows.Channels;
        rows.Values.Span[..kept].CopyTo(values);
        return values;
    }

    public void Dispose() => _store.Dispose();

    private string[] Names(string id) => _key switch
    {
        FeatureKey.Features => [id + "_features"],
        FeatureKey.Grids => [id + "_grids"],
        _ => [id + "_grids", id + "_features", id],
    };
}
