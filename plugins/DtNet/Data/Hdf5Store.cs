using PureHDF;
using PureHDF.VOL.Native;

namespace Aperture.Plugins.DtNet.Data;

/// <summary>Arrays in an HDF5 file, read through PureHDF: contiguous or chunked, plain or deflated, of the old layout and the new.</summary>
internal sealed class Hdf5Store : IFeatureStore
{
    private const ulong MostValues = 1 << 28;
    private readonly NativeFile _file;

    /// <summary>Opens a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">It is missing or no HDF5 file.</exception>
    public Hdf5Store(string path)
    {
        Path = path;
        _file = File.Exists(path)
            ? Reading(() => H5File.Open(new RecentHdf5Stream(path), leaveOpen: false), "opened as HDF5")
            : throw new ApertureException($"There is no feature file '{path}'; give an HDF5, .npz or .safetensors file, or a folder of ID.npy.");
    }

    public string Path { get; }

    public IEnumerable<string> SomeNames => Reading(() => _file.Children().Take(8).Select(child => child.Name).ToArray(), "listed");

    public bool Contains(string name) => Reading(() => _file.LinkExists(name), $"searched for '{name}'");

    public (long[] Shape, float[] Values) Read(string name) => Reading(
        () =>
        {
            IH5Dataset dataset = _file.Dataset(name);
            ulong[] sizes = dataset.Space.Dimensions;
            UInt128 count = sizes.Aggregate((UInt128)1, (product, size) => UInt128.Min(product * size, UInt128.MaxValue >> 64));
            if (count > MostValues)
            {
                throw new ApertureException($"'{name}' in '{Path}' says it holds [{string.Join(", ", sizes)}] values, more than features ever have.");
            }

            float[] values = (dataset.Type.Class, dataset.Type.Size) switch
            {
                (H5DataTypeClass.FloatingPoint, 4) => ReadAll<float>(dataset, (int)count),
                (H5DataTypeClass.FloatingPoint, 8) => [.. ReadAll<double>(dataset, (int)count).Select(value => (float)value)],
                (H5DataTypeClass.FloatingPoint, 2) => [.. ReadAll<Half>(dataset, (int)count).Select(value => (float)value)],
                _ => throw new ApertureException(
                    $"'{name}' in '{Path}' holds elements of {dataset.Type.Size} bytes of the class {dataset.Type.Class}; features are floating-point "
                    + "numbers."),
            };
            return (sizes.Select(size => (long)size).ToArray(), values);
        },
        $"read at '{name}'");

    public void Dispose() => _file.Dispose();

    private static T[] ReadAll<T>(IH5Dataset dataset, int count)
        where T : unmanaged
    {
        T[] values = new T[count];
        if (count > 0)
        {
            dataset.Read(values);
        }

        return values;
    }

    // A file is untrusted, and a damaged one may fail anywhere in the reader: whatever it throws is the file's fault.
    private T Reading<T>(Func<T> read, string what)
    {
        try
        {
            return read();
        }
        catch (Exception error) when (error is not ApertureException and not OutOfMemoryException)
        {
            throw new ApertureException(
                $"The feature file '{Path}' cannot be {what}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.')}; it is damaged or no HDF5 file, fetch it "
                + "again.",
                error);
        }
    }
}
