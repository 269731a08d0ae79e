namespace Aperture.Weights;

/// <summary>The functions that make tensors from storages. Windows are checked against their storage here, so that loading needs no check.</summary>
internal sealed class TensorCalls(PickleReader reader)
{
    private const int MaxRank = 64;
    private const int TypedArgument = 6;

    /// <summary>_rebuild_tensor(storage, offset, size, stride[, requires_grad, hooks[, dtype, metadata]]); only the third version has the dtype.</summary>
    public PickledTensor Tensor(PickledSequence arguments, bool typed)
    {
        if (arguments.Count < (typed ? TypedArgument + 1 : 4) || arguments[0] is not StorageWindow window || arguments[1] is not long offset)
        {
            throw Misused();
        }

        StoredType type = !typed
            ? window.Storage.Type
            : arguments[TypedArgument] is PickledName name && TorchTypes.OfDtype(name) is { } dtype
            ? dtype
            : throw Misused();
        long[] shape = Sizes(arguments[2]);
        long[] strides = Sizes(arguments[3]);
        if (shape.Length != strides.Length || shape.Length > MaxRank || offset < 0)
        {
            throw Misused();
        }

        bool requiresGrad = arguments.Count > 4 && arguments[4] is true;
        return Checked(window, type, offset, shape, strides, requiresGrad);
    }

    /// <summary>_rebuild_parameter(data, requires_grad, hooks[, state]) and Parameter(data[, requires_grad]).</summary>
    public PickledTensor Parameter(PickledSequence arguments) =>
        arguments.Count > 0 && arguments[0] is PickledTensor data ? data.AsParameter(arguments.Count < 2 || arguments[1] is true) : throw Misused();

    private PickledTensor Checked(StorageWindow window, StoredType type, long offset, long[] shape, long[] strides, bool requiresGrad)
    {
        int bytes = type.Bits / 8;
        long windowBytes = window.Count * (window.Storage.Type.Bits / 8);
        UInt128 count = 1;
        UInt128 last = (UInt128)offset;
        for (int i = 0; i < shape.Length; i++)
        {
            // Factors are below 2^63, so products fit; what grows beyond any storage stays there.
            count = UInt128.Min(count * (ulong)Math.Max(shape[i], 1), long.MaxValue);
            last += shape[i] == 0 ? 0 : (UInt128)(ulong)(shape[i] - 1) * (ulong)strides[i];
            last = UInt128.Min(last, long.MaxValue);
        }

        if (count == long.MaxValue)
        {
            throw reader.Damaged($"a tensor [{string.Join(", ", shape)}] is larger than a tensor can be");
        }

        if (shape.All(size => size > 0) && last >= (ulong)(windowBytes / bytes))
        {
            throw reader.Damaged(
                $"a tensor [{string.Join(", ", shape)}] with strides [{string.Join(", ", strides)}] from element {offset} leaves its storage "
                + $"'{window.Storage.Key}' of {windowBytes / bytes} elements");
        }

        long start = window.Offset * (window.Storage.Type.Bits / 8);
        if (start % bytes != 0 || (offset > 0 && (UInt128)offset > (ulong)(windowBytes / bytes)))
        {
            throw Misused();
        }

        return new PickledTensor(window.Storage, type, (start / bytes) + offset, shape, strides, requiresGrad);
    }

    private long[] Sizes(object? value)
    {
        if (value is not PickledSequence sequence || !sequence.All(size => size is long and >= 0))
        {
            throw Misused();
        }

        return [.. sequence.Select(size => (long)size!)];
    }

    private ApertureException Misused() => reader.Damaged("it makes a tensor from arguments that checkpoints do not use");
}
