using System.Buffers;
using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using Aperture.Files;
using Aperture.Measuring;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>
/// Writes a safetensors file, either at once (<see cref="Save"/>) or tensor by tensor for checkpoints larger than memory (<see cref="Create"/>).
/// The file appears under its name only when it is complete: until then the bytes are in a temporary file beside it, which is deleted if writing stops early.
/// </summary>
public sealed class SafetensorsWriter : IDisposable
{
    private const int HeaderAlignment = 8;
    private const int ChunkBytes = 64 << 20;

    private readonly string _path;
    private readonly string _temporary;
    private readonly SafeFileHandle _handle;
    private readonly Dictionary<string, (TensorLayout Layout, long Offset)> _pending;
    private bool _completed;

    private SafetensorsWriter(string path, string temporary, SafeFileHandle handle, Dictionary<string, (TensorLayout Layout, long Offset)> pending)
    {
        _path = path;
        _temporary = temporary;
        _handle = handle;
        _pending = pending;
    }

    /// <summary>Writes all tensors to a file, replacing one of the same name only when the new one is complete.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors under their names; borrowed. Any device, any strides.</param>
    /// <param name="metadata">Free text entries of the header.</param>
    /// <param name="half">Whether float32 tensors of two dimensions and more are written as float16, one at a time; gains and biases stay as they are.</param>
    /// <exception cref="ApertureException">An element type has no place in the format, a name is reserved, or the disk refuses.</exception>
    public static void Save(
        string path, IReadOnlyDictionary<string, Tensor> tensors, IReadOnlyDictionary<string, string>? metadata = null, bool half = false)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        ScalarType Type(Tensor tensor) => half && tensor.dtype == ScalarType.Float32 && tensor.dim() > 1 ? ScalarType.Float16 : tensor.dtype;
        TensorLayout[] layout = [.. tensors.Select(pair => TensorLayout.Of(pair.Key, pair.Value) with { Type = Type(pair.Value) })];
        using SafetensorsWriter writer = Create(path, layout, metadata);
        foreach ((string name, Tensor? tensor) in tensors)
        {
            using Tensor detached = tensor.detach();
            using Tensor written = detached.to_type(Type(tensor));
            writer.Write(name, written);
        }

        writer.Complete();
    }

    /// <summary>Starts a file whose tensors are written one by one with <see cref="Write"/>, in any order, and closed with <see cref="Complete"/>.</summary>
    /// <param name="path">The file.</param>
    /// <param name="layout">Every tensor that is going to be written.</param>
    /// <param name="metadata">Free text entries of the header.</param>
    /// <exception cref="ApertureException">An element type has no place in the format, a name is reserved or repeated, or the disk refuses.</exception>
    public static SafetensorsWriter Create(string path, IReadOnlyCollection<TensorLayout> layout, IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(layout);

        // The widest elements first, so that every tensor is aligned for its type and can be mapped in place.
        List<TensorLayout> ordered = layout.OrderByDescending(tensor => tensor.Stored.Bits).ThenBy(tensor => tensor.Name, StringComparer.Ordinal).ToList();
        byte[] header = BuildHeader(path, ordered, metadata);
        Dictionary<string, (TensorLayout Layout, long Offset)> pending = new(StringComparer.Ordinal);
        long offset = header.Length;
        foreach (TensorLayout tensor in ordered)
        {
            if (!pending.TryAdd(tensor.Name, (tensor, offset)))
            {
                throw new ApertureException($"Tensor '{tensor.Name}' is to be written to '{path}' twice; give every tensor its own name.");
            }

            offset = checked(offset + tensor.ByteLength);
        }

        string temporary = AtomicFile.Temporary(path);
        SafeFileHandle handle = OnDisk(
            path, () => File.OpenHandle(temporary, FileMode.CreateNew, FileAccess.Write, FileShare.Read, FileOptions.None, preallocationSize: offset));
        SafetensorsWriter writer = new(path, temporary, handle, pending);
        try
        {
            OnDisk(path, () => RandomAccess.Write(handle, header, 0));
            return writer;
        }
        catch
        {
            writer.Dispose();
            throw;
        }
    }

    /// <summary>Writes the values of one tensor.</summary>
    /// <param name="name">A name of the layout that was not written yet.</param>
    /// <param name="tensor">The values, of the layout's type and shape; borrowed. Any device, any strides.</param>
    /// <exception cref="ApertureException">The disk refuses.</exception>
    /// <exception cref="ArgumentException">The name is not in the layout or was written, or type or shape differ from it.</exception>
    public void Write(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (!_pending.TryGetValue(name, out (TensorLayout Layout, long Offset) place))
        {
            throw new ArgumentException($"Tensor '{name}' is not in the layout of '{_path}' or was written already.", nameof(name));
        }

        if (tensor.dtype != place.Layout.Type || !tensor.shape.AsSpan().SequenceEqual(place.Layout.Shape))
        {
            throw new ArgumentException(
                $"Tensor '{name}' is {tensor.dtype} [{string.Join(", ", tensor.shape)}], but its layout says {place.Layout.Type} "
                + $"[{string.Join(", ", place.Layout.Shape)}].", nameof(tensor));
        }

        using Tensor detached = tensor.detach();
        using Tensor host = detached.cpu();
        using Tensor dense = host.contiguous();
        WriteBytes(dense, place.Layout.ByteLength, place.Offset);
        _pending.Remove(name);
    }

    /// <summary>Gives the complete file its name. Every tensor of the layout must have been written.</summary>
    /// <exception cref="ApertureException">The disk refuses.</exception>
    /// <exception cref="InvalidOperationException">A tensor of the layout was not written.</exception>
    public void Complete()
    {
        CheckComplete();
        OnDisk(_path, () =>
        {
            RandomAccess.FlushToDisk(_handle);
            _handle.Dispose();
            File.Move(_temporary, _path, overwrite: true);
        });
        _completed = true;
    }

    /// <summary>Deletes the temporary file unless <see cref="Complete"/> gave it its name.</summary>
    public void Dispose()
    {
        _handle.Dispose();
        if (!_completed)
        {
            File.Delete(_temporary);
        }
    }

    internal void CheckComplete()
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (_pending.Count > 0)
        {
            throw new InvalidOperationException($"'{_path}' still lacks {_pending.Count} tensors, the first is '{_pending.Keys.First()}'.");
        }
    }

    private static byte[] BuildHeader(string path, List<TensorLayout> ordered, IReadOnlyDictionary<string, string>? metadata)
    {
        ArrayBufferWriter<byte> json = new();
        using (
            Utf8JsonWriter writer = new(
                json, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true }))
        {
            writer.WriteStartObject();
            if (metadata is { Count: > 0 })
            {
                writer.WriteStartObject("__metadata__");
                foreach ((string key, string? value) in metadata)
                {
                    writer.WriteString(key, value);
                }

                writer.WriteEndObject();
            }

            long offset = 0;
            foreach (TensorLayout tensor in ordered)
            {
                if (tensor.Name == "__metadata__")
                {
                    throw new ApertureException($"A tensor cannot be called '__metadata__' in '{path}': the format keeps this name for itself.");
                }

                WriteEntry(writer, tensor, ref offset);
            }

            writer.WriteEndObject();
        }

        int length = (json.WrittenCount + HeaderAlignment - 1) / HeaderAlignment * HeaderAlignment;
        if (length > SafetensorsHeader.MaxLength)
        {
            throw new ApertureException(
                $"The header of '{path}' would have {length} bytes, more than the {SafetensorsHeader.MaxLength} the format allows; write fewer tensors to a "
                + "file.");
        }

        byte[] header = new byte[sizeof(ulong) + length];
        BinaryPrimitives.WriteUInt64LittleEndian(header, (ulong)length);
        json.WrittenSpan.CopyTo(header.AsSpan(sizeof(ulong)));
        header.AsSpan(sizeof(ulong) + json.WrittenCount).Fill((byte)' ');
        return header;
    }

    private static void WriteEntry(Utf8JsonWriter writer, TensorLayout tensor, ref long offset)
    {
        writer.WriteStartObject(tensor.Name);
        writer.WriteString("dtype", tensor.Stored.Name);
        writer.WriteStartArray("shape");
        foreach (long size in tensor.Shape)
        {
            writer.WriteNumberValue(size);
        }

        writer.WriteEndArray();
        writer.WriteStartArray("data_offsets");
        writer.WriteNumberValue(offset);
        offset = checked(offset + tensor.ByteLength);
        writer.WriteNumberValue(offset);
        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void OnDisk(string path, Action write) => OnDisk(path, () =>
    {
        write();
        return true;
    });

    private static T OnDisk<T>(string path, Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException)
        {
            throw new ApertureException(
                $"Cannot write the weights file '{path}': {cause.Message.TrimEnd('.')}; check the folder, its permissions and the free space.", cause);
        }
    }

    private unsafe void WriteBytes(Tensor dense, long length, long offset)
    {
        if (length == 0)
        {
            return;
        }

        byte* data = NativeTensor.Data(dense);
        OnDisk(_path, () =>
        {
            for (long done = 0; done < length; done += ChunkBytes)
            {
                int chunk = (int)Math.Min(ChunkBytes, length - done);
                RandomAccess.Write(_handle, new ReadOnlySpan<byte>(data + done, chunk), offset + done);
            }
        });
    }
}
