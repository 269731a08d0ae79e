using System.Runtime.InteropServices;

namespace Aperture.Weights;

/// <summary>
/// Memory that tensors are views of: a mapped file, or a copy of a part of one. It counts the tensors that still use it and is freed when it has been disposed
/// and the last of them is gone, so that a tensor never outlives its values.
/// </summary>
internal sealed unsafe class ViewedMemory : IDisposable
{
    // libtorch tells a deleter nothing but the address that the view began at.
    private static readonly Lock _gate = new();
    private static readonly SortedList<nuint, ViewedMemory> _inUse = [];

    private readonly Action _free;
    private int _views;
    private bool _isDisposed;

    /// <param name="start">The first byte.</param>
    /// <param name="free">Frees it; called once.</param>
    public ViewedMemory(byte* start, Action free)
    {
        Start = start;
        _free = free;
    }

    /// <summary>The first byte.</summary>
    public byte* Start { get; }

    /// <summary>The function that libtorch calls when the last tensor over a view has gone.</summary>
    public static nint Deleter => (nint)(delegate* unmanaged<void*, void>)&ViewHasGone;

    /// <summary>Counts a view that is about to be made.</summary>
    /// <exception cref="ObjectDisposedException">The memory was disposed.</exception>
    public void AddView()
    {
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_views++ == 0)
            {
                _inUse.Add((nuint)Start, this);
            }
        }
    }

    /// <summary>Takes no more views, and frees the memory unless tensors still use it; then the last of them does.</summary>
    public void Dispose()
    {
        bool isFree;
        lock (_gate)
        {
            isFree = !_isDisposed && _views == 0;
            _isDisposed = true;
        }

        if (isFree)
        {
            _free();
        }
    }

    /// <summary>A view has gone, or was never made.</summary>
    /// <param name="data">An address in it.</param>
    public static void RemoveView(byte* data)
    {
        ViewedMemory? unused = null;
        lock (_gate)
        {
            ViewedMemory memory = _inUse.Values[IndexOf((nuint)data)];
            if (--memory._views == 0)
            {
                _inUse.Remove((nuint)memory.Start);
                unused = memory._isDisposed ? memory : null;
            }
        }

        unused?._free();
    }

    // The memory that begins at or before an address; a view's is always there.
    private static int IndexOf(nuint address)
    {
        int low = 0, high = _inUse.Count - 1;
        while (low < high)
        {
            int middle = (low + high + 1) / 2;
            (low, high) = _inUse.Keys[middle] <= address ? (middle, high) : (low, middle - 1);
        }

        return low;
    }

    [UnmanagedCallersOnly]
    private static void ViewHasGone(void* data) => RemoveView((byte*)data);
}
