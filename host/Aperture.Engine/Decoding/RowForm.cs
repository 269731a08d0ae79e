using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>The form of rows, read before a hook gets them: what it gives back is held against this.</summary>
/// <param name="Count">Number of rows.</param>
/// <param name="Width">Elements of a row.</param>
/// <param name="Type">Element type.</param>
/// <param name="Device">Kind of device.</param>
/// <param name="Index">Number of the device; -1 where there is one alone.</param>
internal readonly record struct RowForm(long Count, long Width, ScalarType Type, DeviceType Device, int Index)
{
    /// <summary>The form of rows <c>[rows, d]</c> or <c>[batch, rows, d]</c>.</summary>
    public static RowForm Of(Tensor rows) => new(rows.size(-2), rows.size(-1), rows.dtype, rows.device_type, rows.device_index);

    /// <summary>What is wrong with a tensor that a hook gave or left: not there, or disposed.</summary>
    /// <param name="given">The tensor.</param>
    /// <param name="what">What it is called.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Gone(Tensor? given, string what)
        => given is null ? $"gave null where {what} belong"
            : given.IsInvalid ? $"gave {what} that are disposed; give a tensor that is alive, which the host disposes"
            : null;

    /// <summary>What is wrong with rows that a hook was lent: it disposed them.</summary>
    /// <param name="rows">The rows.</param>
    /// <returns>Null if nothing is.</returns>
    public static string? Disposed(Tensor rows) => rows.IsInvalid ? "disposed the rows that it was lent; they are the host's" : null;

    /// <summary>What is wrong with rows that a hook gave.</summary>
    /// <param name="given">The rows <c>[rows, d]</c>.</param>
    /// <param name="what">What they are called.</param>
    /// <param name="count">How many there must be; null for any number.</param>
    /// <param name="anyFloat">Whether any floating-point type serves; else it is the one that went in.</param>
    /// <returns>Null if nothing is.</returns>
    public string? Misfit(Tensor? given, string what, long? count, bool anyFloat = false)
    {
        if (Gone(given, what) is { } gone)
        {
            return gone;
        }

        if (given!.dim() != 2 || given.size(1) != Width || (count is { } rows && given.size(0) != rows))
        {
            return $"gave {what} of shape {Shape(given)} where [{count?.ToString() ?? "rows"}, {Width}] belong";
        }

        return TypeOrDevice(given, what, anyFloat);
    }

    /// <summary>What is wrong with the type or the device of a tensor that is alive.</summary>
    /// <param name="given">The tensor.</param>
    /// <param name="what">What it is called.</param>
    /// <param name="anyFloat">Whether any floating-point type serves; else it is the one that went in.</param>
    /// <returns>Null if nothing is.</returns>
    public string? TypeOrDevice(Tensor given, string what, bool anyFloat = false)
    {
        ScalarType type = given.dtype;
        if (anyFloat ? !given.is_floating_point() : type != Type)
        {
            return $"gave {what} of type {type} where {(anyFloat ? "a floating-point type" : Type)} belongs; convert with .to_type";
        }

        (DeviceType device, int index) = (given.device_type, given.device_index);
        return device == Device && index == Index ? null
            : $"gave {what} on {Named(device, index)} where {Named(Device, Index)} belongs; make them with device: rows.device";
    }

    /// <summary>A tensor's shape as messages show it.</summary>
    public static string Shape(Tensor tensor) => $"[{string.Join(", ", tensor.shape)}]";

    private static string Named(DeviceType device, int index)
        => index < 0 || device != DeviceType.CUDA ? device.ToString().ToLowerInvariant() : $"{device.ToString().ToLowerInvariant()}:{index}";
}
