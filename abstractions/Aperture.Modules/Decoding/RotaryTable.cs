using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Cosines and sines by position, grown on demand. Angles are float32 products, as in the reference.</summary>
public sealed class RotaryTable : IDisposable
{
    private const int FirstCapacity = 512;
    private readonly RotaryConfig _config;
    private readonly Device _device;
    private Tensor? _cos;
    private Tensor? _sin;
    private int _capacity;

    /// <summary>A table for a configuration.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="device">Where the rows are needed.</param>
    public RotaryTable(RotaryConfig config, Device device) => (_config, _device) = (config, device);

    /// <summary>The rows for some positions.</summary>
    /// <param name="positions">Position ids, not negative.</param>
    /// <param name="sequenceLength">Longest position plus one of the sequence so far; matters to dynamic scaling only.</param>
    /// <returns>float32 rows; the caller disposes them.</returns>
    public RotaryRows Rows(ReadOnlySpan<int> positions, int sequenceLength)
    {
        int last = 0;
        bool consecutive = true;
        for (int i = 0; i < positions.Length; i++)
        {
            last = Math.Max(last, positions[i]);
            consecutive &= positions[i] == positions[0] + i;
        }

        if (_config.Scaling == RotaryScaling.Dynamic && sequenceLength > _config.MaxPositions)
        {
            // Frequencies change with every row that comes: only the rows asked for are worth computing.
            (Tensor cos, Tensor sin) = Build(positions, _config.InverseFrequencies(sequenceLength));
            return new RotaryRows(cos, sin, _config.Dimensions / 2);
        }

        Ensure(last + 1);
        if (consecutive && positions.Length > 0)
        {
            return new RotaryRows(_cos!.narrow(0, positions[0], positions.Length), _sin!.narrow(0, positions[0], positions.Length), _config.Dimensions / 2);
        }

        using Tensor index = tensor(positions.ToArray(), dtype: ScalarType.Int64, device: _device);
        return new RotaryRows(_cos!.index_select(0, index), _sin!.index_select(0, index), _config.Dimensions / 2);
    }

    /// <summary>
    /// The rows for positions of several axes: each section of the frequencies takes the id of its axis (Qwen2-VL's multimodal rotary embedding).
    /// </summary>
    /// <param name="positions">Position ids <c>[axes][rows]</c>, as many axes as <see cref="RotaryConfig.Sections"/> has sizes.</param>
    /// <returns>float32 rows; the caller disposes them.</returns>
    /// <exception cref="ArgumentException">The number of axes is another.</exception>
    public RotaryRows Rows(IReadOnlyList<int[]> positions)
    {
        if (positions.Count != _config.Sections.Count)
        {
            throw new ArgumentException(
                $"Positions of {positions.Count} axes do not fit a rotary embedding of {_config.Sections.Count} sections.", nameof(positions));
        }

        using DisposeScope scope = NewDisposeScope();
        Ensure(positions.Max(axis => axis.DefaultIfEmpty().Max()) + 1);
        Tensor[] cos = new Tensor[positions.Count], sin = new Tensor[positions.Count];
        int first = 0;
        for (int axis = 0; axis < cos.Length; axis++)
        {
            int size = _config.Sections[axis];
            Tensor index = tensor(positions[axis], dtype: ScalarType.Int64, device: _device);
            cos[axis] = _cos!.narrow(1, first, size).index_select(0, index); // [positions, half] -> [rows, size]
            sin[axis] = _sin!.narrow(1, first, size).index_select(0, index);
            first += size;
        }

        return new RotaryRows(cat(cos, 1).MoveToOuterDisposeScope(), cat(sin, 1).MoveToOuterDisposeScope(), _config.Dimensions / 2);
    }

    /// <summary>Disposes the table.</summary>
    public void Dispose()
    {
        _cos?.Dispose();
        _sin?.Dispose();
        _cos = _sin = null;
    }

    private void Ensure(int capacity)
    {
        if (_cos is not null && capacity <= _capacity)
        {
            return;
        }

        _capacity = Math.Max(FirstCapacity, _capacity);
        while (_capacity < capacity)
        {
            _capacity *= 2;
        }

        int[] positions = new int[_capacity];
        for (int i = 0; i < positions.Length; i++)
        {
            positions[i] = i;
        }

        Dispose();
        (Tensor cos, Tensor sin) = Build(positions, _config.InverseFrequencies(0));
        _cos = cos.DetachFromDisposeScope(); // outlives whatever scope the first forward ran in
        _sin = sin.DetachFromDisposeScope();
    }

    private (Tensor Cos, Tensor Sin) Build(ReadOnlySpan<int> positions, float[] frequencies)
    {
        float[] cos = new float[positions.Length * frequencies.Length], sin = new float[cos.Length];
        int i = 0;
        foreach (int position in positions)
        {
            foreach (float frequency in frequencies)
            {
                float angle = position * frequency;
                cos[i] = (float)Math.Cos(angle);
                sin[i++] = (float)Math.Sin(angle);
            }
        }

        long[] shape = [positions.Length, frequencies.Length];
        return (tensor(cos, shape, dtype: ScalarType.Float32, device: _device), tensor(sin, shape, dtype: ScalarType.Float32, device: _device));
    }
}

/// <summary>Cosines and sines of some rows, float32 <c>[rows, half]</c>. Owns its tensors.</summary>
/// <param name="Cos">Cosines.</param>
/// <param name="Sin">Sines.</param>
/// <param name="Half">Half of the rotated dimensions.</param>
public sealed record RotaryRows(Tensor Cos, Tensor Sin, int Half) : IDisposable
{
    /// <summary>The rows of a selection; this instance stays as it is.</summary>
    /// <param name="index">int64 row indices.</param>
    public RotaryRows Select(Tensor index) => new(Cos.index_select(0, index), Sin.index_select(0, index), Half);

    /// <summary>Disposes the tensors.</summary>
    public void Dispose()
    {
        Cos.Dispose();
        Sin.Dispose();
    }
}
