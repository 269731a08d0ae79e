using System.Buffers.Binary;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// One safetensors file, mapped. Opening reads and checks the header only; tensors are views of the mapped file where their type and alignment allow,
/// so loading them takes no memory until their values are read.
/// </summary>
/// <remarks>
/// A tensor that two names shared is stored under one of them; the free texts of the header tell the other (safetensors' save_model), which is a name here too.
/// </remarks>
/// <remarks>Format: 8 bytes little-endian header length, JSON header, data. Damaged or hostile headers are refused when opening.</remarks>
public sealed class SafetensorsFile : IMappedWeights
{
    private const int LengthBytes = 8;

    private readonly MappedFile _file;
    private readonly long _dataStart;
    private readonly Dictionary<string, SafetensorsEntry> _entries;

    private SafetensorsFile(MappedFile file, long dataStart, SafetensorsHeader header)
    {
        _file = file;
        _dataStart = dataStart;
        Metadata = header.Metadata;
        _entries = header.Entries.ToDictionary(entry => entry.Name, StringComparer.Ordinal);
        foreach ((string name, string kept) in header.Metadata)
        {
            if (!_entries.ContainsKey(name) && header.Entries.FirstOrDefault(entry => entry.Name == kept) is { } shared)
            {
                _entries.Add(name, shared with { Name = name });
            }
        }

        Names = [.. header.Entries.Select(entry => entry.Name), .. _entries.Keys.Except(header.Entries.Select(entry => entry.Name))];
    }

    /// <summary>The file's path as it was given.</summary>
    public string Path => _file.Path;

    /// <summary>The free text entries of the header; empty where it has none.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>The names of all tensors, in the order of their bytes in the file.</summary>
    public IReadOnlyCollection<string> Names { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="ApertureException">The file cannot be read or its header does not fit the file; the message names file and tensor.</exception>
    public static SafetensorsFile Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        MappedFile file = MappedFile.Open(path);
        try
        {
            return Read(file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public bool Contains(string name) => _entries.ContainsKey(name);

    /// <inheritdoc/>
    public WeightInfo Describe(string name)
    {
        SafetensorsEntry entry = Find(name);
        return new WeightInfo(entry.Type.Name, entry.Type.Loaded, [.. entry.Shape]);
    }

    /// <inheritdoc/>
    public unsafe Tensor Load(string name)
    {
        SafetensorsEntry entry = Find(name);
        _file.RequireUnchanged();
        byte* data = _file.Start + _dataStart + entry.Begin;
        return StoredElements.Load(_file.Memory, data, entry.Count, entry.Shape, entry.Type, $"Weights file '{Path}', tensor '{name}'");
    }

    /// <inheritdoc/>
    public void ReleasePages(string name)
    {
        SafetensorsEntry entry = Find(name);
        _file.Release(_dataStart + entry.Begin, entry.End - entry.Begin);
    }

    /// <inheritdoc/>
    public void ReleasePages() => _file.Release(0, _file.Length);

    /// <summary>Closes the file. Its memory stays as long as tensors are views of it.</summary>
    public void Dispose() => _file.Dispose();

    private static SafetensorsFile Read(MappedFile file)
    {
        if (file.Length < LengthBytes)
        {
            throw new ApertureException($"Weights file '{file.Path}': {file.Length} bytes are too few for a safetensors file; fetch or write the file again.");
        }

        ulong length = BinaryPrimitives.ReadUInt64LittleEndian(file.Bytes(0, LengthBytes));
        if (length > SafetensorsHeader.MaxLength || (long)length > file.Length - LengthBytes)
        {
            throw new ApertureException(
                $"Weights file '{file.Path}': a header of {length} bytes does not fit a file of {file.Length} bytes (at most {SafetensorsHeader.MaxLength}); "
                + "this is no safetensors file or only part of one.");
        }

        long dataStart = LengthBytes + (long)length;
        SafetensorsHeader header = SafetensorsHeader.Parse(file.Bytes(LengthBytes, (int)length), file.Length - dataStart, file.Path);
        return new SafetensorsFile(file, dataStart, header);
    }

    private SafetensorsEntry Find(string name) =>
        _entries.TryGetValue(name, out SafetensorsEntry? entry) ? entry : throw MissingWeight.In($"Weights file '{Path}'", name, Names);
}
