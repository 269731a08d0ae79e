namespace Aperture.Weights;

/// <summary>A tensor of a saved Python object: a strided window on a storage, whose bytes stay in the file until it is loaded.</summary>
public sealed class PickledTensor
{
    internal PickledTensor(PickledStorage storage, StoredType type, long offset, long[] shape, long[] strides, bool requiresGrad)
    {
        Storage = storage;
        Type = type;
        Offset = offset;
        Shape = shape;
        Strides = strides;
        RequiresGrad = requiresGrad;
    }

    /// <summary>The element type's name, as in <see cref="WeightInfo.StoredType"/>.</summary>
    public string StoredTypeName => Type.Name;

    /// <summary>The sizes, outermost first; empty for a scalar.</summary>
    public IReadOnlyList<long> Shape { get; }

    /// <summary>The steps in elements from one index to the next, one for each size. 0 repeats, and other orders than row-major occur.</summary>
    public IReadOnlyList<long> Strides { get; }

    /// <summary>The first element's index in the storage.</summary>
    public long Offset { get; }

    /// <summary>Whether it was saved as trainable. Loaded tensors never require gradients.</summary>
    public bool RequiresGrad { get; }

    /// <summary>Whether it was saved as a module's parameter.</summary>
    public bool IsParameter { get; private init; }

    internal PickledStorage Storage { get; }

    internal StoredType Type { get; }

    /// <summary>The same tensor as a parameter.</summary>
    internal PickledTensor AsParameter(bool requiresGrad) =>
        new(Storage, Type, Offset, [.. Shape], [.. Strides], requiresGrad) { IsParameter = true };
}
