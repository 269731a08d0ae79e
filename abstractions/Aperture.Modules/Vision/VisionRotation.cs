using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Vision;

/// <summary>Cosines and sines of two-dimensional rotary positions. Owns its tensors.</summary>
internal sealed class VisionRotation : IDisposable
{
    private readonly RotaryPairs _pairs;
    private readonly Tensor _cos, _sin; // float32 [rows, head / 2]

    /// <summary>Angles of some rows.</summary>
    /// <param name="rotary">How they are computed.</param>
    /// <param name="front">Rows in front that do not rotate.</param>
    /// <param name="positions">Row and column of the others.</param>
    /// <param name="sides">Rows and columns of what the positions are counted in.</param>
    /// <param name="head">Width of a head.</param>
    /// <param name="device">Where the tensors live.</param>
    public VisionRotation(
        VisionRotary rotary, int front, IReadOnlyList<(int Row, int Column)> positions, (int Rows, int Columns) sides, int head, Device device)
    {
        using DisposeScope scope = NewDisposeScope();
        _pairs = rotary.Pairs;
        int quarter = head / 4;
        Tensor frequencies = tensor([.. Enumerable.Range(0, quarter).Select(i => 1 / MathF.Pow((float)rotary.Theta, 4f * i / head))]); // [head / 4]
        Tensor Axis(Func<(int Row, int Column), int> axis, int side)
        {
            float stretch = rotary.Length is { } length ? (float)length / side : 1;
            Tensor steps = tensor(positions.Select(position => axis(position) * stretch).ToArray());
            return steps.unsqueeze(1).mul(frequencies); // [rows, 1] x [head / 4] -> [rows, head / 4]
        }

        Tensor angles = cat([Axis(position => position.Row, sides.Rows), Axis(position => position.Column, sides.Columns)], 1); // [rows, head / 2]
        angles = front == 0 ? angles : cat([zeros(front, 2 * quarter), angles], 0); // [front + rows, head / 2]
        _cos = angles.cos().to(device).DetachFromDisposeScope();
        _sin = angles.sin().to(device).DetachFromDisposeScope();
    }

    /// <summary>Rotates heads in float32.</summary>
    /// <param name="x"><c>[batch, heads, rows, head]</c>; borrowed.</param>
    /// <returns>The same shape and type; the caller disposes it.</returns>
    public Tensor Rotate(Tensor x)
    {
        using DisposeScope scope = NewDisposeScope();
        long head = x.size(3), half = head / 2;
        Tensor wide = x.to_type(ScalarType.Float32);
        bool neighbours = _pairs == RotaryPairs.Neighbours;
        Tensor paired = neighbours ? wide.unflatten(3, [half, 2]) : wide; // [B, heads, N, head] -> [B, heads, N, head / 2, 2]
        Tensor a = neighbours ? paired.select(4, 0) : wide.narrow(3, 0, half); // [B, heads, N, head / 2]
        Tensor b = neighbours ? paired.select(4, 1) : wide.narrow(3, half, half);
        Tensor first = a.mul(_cos).sub(b.mul(_sin)), second = b.mul(_cos).add(a.mul(_sin));
        Tensor rotated = neighbours ? stack([first, second], 4).flatten(3) : cat([first, second], 3); // -> [B, heads, N, head]
        return rotated.to_type(x.dtype).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
    }
}
