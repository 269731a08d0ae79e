using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;
using Aperture.Files;
using Microsoft.Win32.SafeHandles;

namespace Aperture.Weights;

/// <summary>A file mapped for reading. Pages come in when they are touched and can be given back without closing the file.</summary>
internal sealed unsafe partial class MappedFile : IDisposable
{
    private const int AdviceDontNeed = 4;

    private readonly SafeFileHandle? _handle;
    private readonly DateTime _written;

    private MappedFile(string path, SafeFileHandle? handle, long length, MemoryMappedFile? map, MemoryMappedViewAccessor? view)
    {
        Path = path;
        Length = length;
        _handle = handle;
        _written = handle is null ? default : File.GetLastWriteTimeUtc(handle);
        byte* start = null;
        view?.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        Memory = new ViewedMemory(start, () =>
        {
            view?.SafeMemoryMappedViewHandle.ReleasePointer();
            view?.Dispose();
            map?.Dispose();
            handle?.Dispose();
        });
    }

    public string Path { get; }

    public long Length { get; }

    public bool IsDisposed { get; private set; }

    /// <summary>The first byte. Null for an empty file.</summary>
    public byte* Start
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsDisposed, this);
            return Memory.Start;
        }
    }

    /// <summary>The file's bytes, as tensors may be views of them.</summary>
    public ViewedMemory Memory { get; }

    public static MappedFile Open(string path)
    {
        try
        {
            InputFile.RequireRegular(path);
            SafeFileHandle handle = File.OpenHandle(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
            long length = RandomAccess.GetLength(handle);
            if (length == 0)
            {
                handle.Dispose();
                return new MappedFile(path, null, 0, null, null);
            }

            MemoryMappedFile map = MemoryMappedFile.CreateFromFile(handle, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: true);
            return new MappedFile(path, handle, length, map, map.CreateViewAccessor(0, length, MemoryMappedFileAccess.Read));
        }
        catch (Exception cause) when (cause is IOException or UnauthorizedAccessException or NotSupportedException)
        {
            throw new ApertureException($"Cannot read the weights file '{path}': {cause.Message.TrimEnd('.')}; check the path and its permissions.", cause);
        }
    }

    /// <summary>
    /// Refuses a file that was written into since it was opened: its memory shows the new bytes, and nothing that was read of it before is to be trusted.
    /// A file that was replaced by another of its name is still the old one here.
    /// </summary>
    /// <exception cref="ApertureException">The file has changed.</exception>
    public void RequireUnchanged()
    {
        if (_handle is { IsClosed: false } && (File.GetLastWriteTimeUtc(_handle) != _written || RandomAccess.GetLength(_handle) != Length))
        {
            throw new ApertureException(
                $"Weights file '{Path}' has been written into since it was opened; open the model again, and replace weights by renaming a new file over "
                + "them.");
        }
    }

    /// <summary>The bytes of a range that the caller has checked against <see cref="Length"/>.</summary>
    public ReadOnlySpan<byte> Bytes(long offset, int count) => new(Start + offset, count);

    /// <summary>
    /// Gives the memory of a range back to the system; reading it again fetches it from the file. Neighbours on the border pages are only read again too.
    /// Returns false where the system refuses; nothing is lost then but the memory.
    /// </summary>
    public bool Release(long offset, long count)
    {
        if (count <= 0 || Length == 0)
        {
            return true;
        }

        if (!OperatingSystem.IsLinux())
        {
            return false;
        }

        int page = Environment.SystemPageSize;
        long first = offset / page * page;
        long end = Math.Min((offset + count + page - 1) / page * page, (Length + page - 1) / page * page);
        Memory.AddView(); // Another mapping must not take its place meanwhile.
        try
        {
            return MemoryAdvise((nint)Memory.Start + (nint)first, (nuint)(end - first), AdviceDontNeed) == 0;
        }
        finally
        {
            ViewedMemory.RemoveView(Memory.Start);
        }
    }

    /// <summary>Closes the file; its memory stays as long as tensors are views of it.</summary>
    public void Dispose()
    {
        IsDisposed = true;
        Memory.Dispose();
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int MemoryAdvise(nint address, nuint length, int advice);
}
