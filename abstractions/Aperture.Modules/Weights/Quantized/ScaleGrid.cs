using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Spreads scales or zero points over the weight that they belong to: one for all of it, one a row, or one a block or group.</summary>
internal static class ScaleGrid
{
    /// <summary>The values in a shape that broadcasts over the weight.</summary>
    /// <param name="values">One value, <c>[rows]</c>, or <c>[row blocks, column blocks]</c>; of any number type.</param>
    /// <param name="rows">Rows of the weight.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="block">Rows and columns of a block as the configuration says; null where it does not.</param>
    /// <param name="name">The tensor's name, for the message.</param>
    /// <returns>float32 <c>[1 or rows, 1 or columns]</c>, in the caller's scope.</returns>
    /// <exception cref="ApertureException">The values do not divide the weight.</exception>
    public static Tensor Over(Tensor values, long rows, long columns, (long Rows, long Columns)? block, string name)
    {
        Tensor single = values.to_type(ScalarType.Float32);
        if (single.numel() == 1)
        {
            return single.reshape(1, 1);
        }

        long[] shape = single.shape;
        if (shape.Length == 1 && shape[0] == rows)
        {
            return single.unsqueeze(1); // [rows] -> [rows, 1]
        }

        if (shape.Length != 2)
        {
            throw Unfit(name, shape, rows, columns);
        }

        Tensor tall = Along(single, 0, rows, block?.Rows, name, rows, columns); // [row blocks, column blocks] -> [1 or rows, column blocks]
        return Along(tall, 1, columns, block?.Columns, name, rows, columns); // -> [1 or rows, 1 or columns]
    }

    private static Tensor Along(Tensor values, int axis, long size, long? block, string name, long rows, long columns)
    {
        long parts = values.size(axis);
        if (parts == 1 || parts == size)
        {
            return values;
        }

        long length = block is { } said && (size + said - 1) / said == parts ? said : size % parts == 0 ? size / parts : 0;
        return length > 0
            ? values.repeat_interleave(length, axis).narrow(axis, 0, size)
            : throw Unfit(name, values.shape, rows, columns);
    }

    private static ApertureException Unfit(string name, long[] shape, long rows, long columns)
        => new(
            $"{name} has shape [{string.Join(", ", shape)}], which does not divide a weight of [{rows}, {columns}] into blocks; fetch the checkpoint again.");
}
