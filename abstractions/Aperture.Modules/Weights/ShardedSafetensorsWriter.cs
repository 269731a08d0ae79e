using System.Buffers;
using System.Text.Json;
using Aperture.Files;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// Writes a checkpoint tensor by tensor into a folder in the Hugging Face layout: <c>model.safetensors</c>, or where that would grow too large
/// <c>model-00001-of-0000n.safetensors</c> with <c>model.safetensors.index.json</c>. The files appear under their names when all are complete, the index last.
/// </summary>
public sealed class ShardedSafetensorsWriter : IDisposable
{
    /// <summary>The size that shards are kept under unless told otherwise: 5 GB.</summary>
    public const long DefaultShardBytes = 5_000_000_000;

    private readonly string _folder;
    private readonly long _totalBytes;
    private readonly List<SafetensorsWriter> _writers = [];
    private readonly Dictionary<string, (SafetensorsWriter Writer, string File)> _places = new(StringComparer.Ordinal);

    private ShardedSafetensorsWriter(string folder, long totalBytes)
    {
        _folder = folder;
        _totalBytes = totalBytes;
    }

    /// <summary>Plans the shards, in the order of <paramref name="layout"/>, and starts their files.</summary>
    /// <param name="folder">The folder; created where it does not exist.</param>
    /// <param name="layout">Every tensor that is going to be written.</param>
    /// <param name="maxShardBytes">The most bytes of values in one file; a single larger tensor gets a file of its own.</param>
    /// <param name="metadata">Free text entries of every file's header; <c>format = pt</c> if null, as other readers expect.</param>
    /// <exception cref="ApertureException">An element type has no place in the format, a name is reserved or repeated, or the disk refuses.</exception>
    public static ShardedSafetensorsWriter Create(
        string folder, IReadOnlyCollection<TensorLayout> layout, long maxShardBytes = DefaultShardBytes, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(folder);
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxShardBytes);
        List<List<TensorLayout>> shards = Plan(layout, maxShardBytes);
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"Cannot create the folder '{folder}': {cause.Message.TrimEnd('.')}; check its parent and permissions.", cause);
        }

        ShardedSafetensorsWriter result = new(folder, layout.Sum(tensor => tensor.ByteLength));
        try
        {
            for (int i = 0; i < shards.Count; i++)
            {
                string file = shards.Count == 1 ? "model.safetensors" : $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors";
                result.Start(file, shards[i], metadata ?? new Dictionary<string, string> { ["format"] = "pt" });
            }

            return result;
        }
        catch
        {
            result.Dispose();
            throw;
        }
    }

    /// <summary>Writes the values of one tensor; see <see cref="SafetensorsWriter.Write"/>.</summary>
    /// <param name="name">A name of the layout that was not written yet.</param>
    /// <param name="tensor">The values; borrowed.</param>
    /// <exception cref="ApertureException">The disk refuses.</exception>
    /// <exception cref="ArgumentException">The name is not in the layout or was written, or type or shape differ from it.</exception>
    public void Write(string name, Tensor tensor)
    {
        if (!_places.TryGetValue(name, out (SafetensorsWriter Writer, string File) place))
        {
            throw new ArgumentException($"Tensor '{name}' is not in the layout of '{_folder}'.", nameof(name));
        }

        place.Writer.Write(name, tensor);
    }

    /// <summary>Gives all files their names, then writes the index. Every tensor of the layout must have been written.</summary>
    /// <exception cref="ApertureException">The disk refuses.</exception>
    /// <exception cref="InvalidOperationException">A tensor of the layout was not written.</exception>
    public void Complete()
    {
        // All before any: a forgotten tensor of the last shard must not leave the first ones behind.
        _writers.ForEach(writer => writer.CheckComplete());
        foreach (SafetensorsWriter writer in _writers)
        {
            writer.Complete();
        }

        if (_writers.Count > 1)
        {
            WriteIndex(Path.Combine(_folder, "model.safetensors.index.json"));
        }
    }

    /// <summary>Deletes what was not completed.</summary>
    public void Dispose() => _writers.ForEach(writer => writer.Dispose());

    private static List<List<TensorLayout>> Plan(IReadOnlyCollection<TensorLayout> layout, long maxShardBytes)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        List<List<TensorLayout>> shards = new List<List<TensorLayout>> { new() };
        long used = 0;
        foreach (TensorLayout tensor in layout)
        {
            if (!names.Add(tensor.Name))
            {
                throw new ApertureException($"Tensor '{tensor.Name}' is to be written twice; give every tensor its own name.");
            }

            if (used > 0 && used + tensor.ByteLength > maxShardBytes)
            {
                shards.Add([]);
                used = 0;
            }

            shards[^1].Add(tensor);
            used = checked(used + tensor.ByteLength);
        }

        return shards;
    }

    private void Start(string file, List<TensorLayout> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        SafetensorsWriter writer = SafetensorsWriter.Create(Path.Combine(_folder, file), tensors, metadata);
        _writers.Add(writer);
        foreach (TensorLayout tensor in tensors)
        {
            _places.Add(tensor.Name, (writer, file));
        }
    }

    private void WriteIndex(string path)
    {
        ArrayBufferWriter<byte> json = new();
        using (Utf8JsonWriter writer = new Utf8JsonWriter(json, new JsonWriterOptions { Indented = true }))
        {
            writer.WriteStartObject();
            writer.WriteStartObject("metadata");
            writer.WriteNumber("total_size", _totalBytes);
            writer.WriteEndObject();
            writer.WriteStartObject("weight_map");
            foreach ((string name, (SafetensorsWriter Writer, string File) place) in _places)
            {
                writer.WriteString(name, place.File);
            }

            writer.WriteEndObject();
            writer.WriteEndObject();
        }

        try
        {
            AtomicFile.Write(path, json.WrittenSpan);
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException($"Cannot write '{path}': {cause.Message.TrimEnd('.')}; check the folder, its permissions and the free space.", cause);
        }
    }
}
