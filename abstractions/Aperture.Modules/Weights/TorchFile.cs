using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// A file of PyTorch's <c>torch.save</c>, zip or legacy format, mapped and read without running anything that it names.
/// Leniently opened, also a plain pickle of modules, and the parameters of a TorchScript archive.
/// Tensors keep their strides and share memory where they shared it when saved; where the file aligns their elements, as the zip format does, that memory is
/// the file's.
/// </summary>
public sealed class TorchFile : IMappedWeights
{
    /// <summary>Values that a tensor may have by repeating fewer; as a view they cost nothing, but whoever converts it needs memory for all of them.</summary>
    private const long MostRepeated = 1 << 20;

    private readonly MappedFile _file;
    private readonly TorchContent _content;
    private readonly Dictionary<string, PickledTensor> _tensors;

    private TorchFile(MappedFile file, TorchContent content, IReadOnlyList<KeyValuePair<string, PickledTensor>> tensors)
    {
        _file = file;
        _content = content;
        Names = tensors.Select(pair => pair.Key).ToArray();
        _tensors = tensors.ToDictionary(StringComparer.Ordinal);
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path => _file.Path;

    /// <summary>The names of the tensors in the chosen container, in the order they were saved.</summary>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>
    /// The saved object as a whole: null, <see cref="bool"/>, <see cref="long"/>, <see cref="System.Numerics.BigInteger"/>, <see cref="double"/>,
    /// <see cref="System.Numerics.Complex"/>,
    /// <see cref="string"/>, <see cref="PickledBytes"/>, <see cref="PickledDictionary"/>, <see cref="PickledSequence"/>, <see cref="PickledTensor"/>,
    /// <see cref="PickledArray"/>,
    /// <see cref="PickledName"/> or <see cref="PickledObject"/>.
    /// </summary>
    public object? Content => _content.Value;

    /// <summary>Opens a file, reads the saved object and finds its tensors. Their values stay in the file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="options">Strictness and container; the defaults if null.</param>
    /// <exception cref="ApertureException">
    /// The file cannot be read, is damaged, names classes that weights do not need, or holds no tensors where <see cref="WeightFileOptions.RequireTensors"/>
    /// asks for some.
    /// </exception>
    public static TorchFile Open(string path, WeightFileOptions? options = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        options ??= new WeightFileOptions();
        MappedFile file = MappedFile.Open(path);
        try
        {
            bool isArchive = file.Length > 4 && file.Bytes(0, 4).SequenceEqual("PK\x03\x04"u8);
            TorchContent content = isArchive ? TorchArchive.Read(file, options.Lenient) : TorchLegacyFile.Read(file, options.Lenient);
            return new TorchFile(file, content, StateDictionary.Read(content.Value, options, path));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _tensors.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
    {
        PickledTensor tensor = Find(name);
        return new WeightInfo(tensor.Type.Name, tensor.Type.Loaded, [.. tensor.Shape]);
    }

    /// <inheritdoc/>
    public Tensor Load(string name) => Load(Find(name), name);

    /// <summary>Loads a tensor found in <see cref="Content"/>, also one outside the chosen container.</summary>
    /// <param name="tensor">A tensor of this file.</param>
    /// <returns>As <see cref="IWeightSource.Load"/>.</returns>
    public Tensor Load(PickledTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        return _content.Storages.Contains(tensor.Storage)
            ? Load(tensor, "")
            : throw new ArgumentException($"The tensor belongs to another file than '{Path}'.", nameof(tensor));
    }

    /// <inheritdoc/>
    public void ReleasePages(string name)
    {
        PickledStorage storage = Find(name).Storage;
        _file.Release(storage.FileOffset, storage.ByteLength);
    }

    /// <inheritdoc/>
    public void ReleasePages() => _file.Release(0, _file.Length);

    /// <summary>Closes the file. Its memory stays as long as tensors are views of it.</summary>
    public void Dispose()
    {
        foreach (PickledStorage storage in _content.Storages)
        {
            storage.Dispose();
        }

        _file.Dispose();
    }

    private unsafe Tensor Load(PickledTensor tensor, string name)
    {
        _file.RequireUnchanged();
        long[] shape = [.. tensor.Shape];
        long[] strides = [.. tensor.Strides];
        StoredType type = tensor.Type;
        long storageCount = tensor.Storage.ByteLength / (type.Bits / 8);
        if (storageCount == 0 || Array.IndexOf(shape, 0L) >= 0)
        {
            using Tensor none = torch.empty(0, type.Loaded);
            return none.as_strided(shape, strides, 0);
        }

        long count = shape.Aggregate(1L, (product, size) => product * size);
        if (count > Math.Max(storageCount, MostRepeated))
        {
            throw new ApertureException(
                $"Weights file '{Path}', tensor '{name}': [{string.Join(", ", shape)}] with strides [{string.Join(", ", strides)}] repeats the {storageCount} "
                + $"stored values as {count}, which no checkpoint does; fetch the file again.");
        }

        byte* data = tensor.Storage.Data(_file, type.Alignment, out ViewedMemory? memory);
        using Tensor whole = StoredElements.Load(memory, data, storageCount, [storageCount], type, $"Weights file '{Path}', tensor '{name}'");
        return whole.as_strided(shape, strides, tensor.Offset);
    }

    private PickledTensor Find(string name) =>
        _tensors.TryGetValue(name, out PickledTensor? tensor) ? tensor : throw MissingWeight.In($"Weights file '{Path}'", name, Names);
}
