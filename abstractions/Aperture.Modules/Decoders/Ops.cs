using System.Buffers;
using Aperture.Kernels;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Models;

/// <summary>
/// The thin layer between model code and libtorch: it owns device, element type and the fast paths. On the CPU, row-wise operations and one-row products run in managed
/// kernels on the tensors' own memory; on a GPU and while training they are libtorch operations. Rows are packed <c>[rows, width]</c> and contiguous.
/// One instance serves one model; calls come from one thread at a time.
/// </summary>
public sealed class Ops : IDisposable
{
    private const int RowsForGemv = 2;
    private readonly WorkerTeam? _team;
    private readonly bool _ownsTeam;

    /// <summary>Operations on a device.</summary>
    /// <param name="device">Where tensors live.</param>
    /// <param name="type">The element type computed in: float32, bfloat16 or float16.</param>
    /// <param name="threads">Threads of the managed kernels; 0 takes libtorch's number.</param>
    public Ops(Device device, ScalarType type, int threads = 0)
    {
        Device = device;
        Type = type;
        Threads = threads > 0 ? threads : get_num_threads();
        _team = device.type == DeviceType.CPU ? new WorkerTeam(Threads) : null;
        _ownsTeam = true;
    }

    private Ops(Ops shared, bool differentiable)
    {
        Device = shared.Device;
        Type = shared.Type;
        Threads = shared.Threads;
        _team = shared._team;
        Differentiable = differentiable;
    }

    /// <summary>Where tensors live.</summary>
    public Device Device { get; }

    /// <summary>The element type computed in.</summary>
    public ScalarType Type { get; }

    /// <summary>Threads of the managed kernels.</summary>
    public int Threads { get; }

    /// <summary>Whether every operation records gradients and none works in place.</summary>
    public bool Differentiable { get; }

    private bool Managed => _team is not null && !Differentiable && Type is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>The same operations with gradients. Shares this instance's threads and must not outlive it.</summary>
    public Ops ForTraining() => new(this, differentiable: true);

    /// <summary><c>x Wᵀ + b</c>.</summary>
    /// <param name="x">Rows <c>[rows, in]</c>.</param>
    /// <param name="weights">The layer.</param>
    /// <param name="rows">Number of rows.</param>
    /// <returns>Rows <c>[rows, out]</c>; the caller disposes them.</returns>
    public Tensor Linear(Tensor x, LinearWeights weights, int rows)
    {
        if (rows is > 0 and <= RowsForGemv && Managed && weights.StoredType is ScalarType.Float32 or ScalarType.BFloat16)
        {
            return LinearByGemv(x, weights, rows);
        }

        if (weights.StoredType == Type)
        {
            return F.linear(x, weights.Weight, weights.Bias);
        }

        // Stored narrower than computed in: this one matrix is widened for the call.
        using Tensor widened = weights.Weight.to_type(Type);
        return F.linear(x, widened, weights.Bias);
    }

    /// <summary>Root-mean-square norm; the mean is taken in float32, the result rounded before the gain.</summary>
    /// <param name="x">Rows <c>[rows, d]</c>.</param>
    /// <param name="weight">Gain <c>[d]</c>.</param>
    /// <param name="eps">Added to the mean of squares.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="width">d.</param>
    /// <returns>Rows <c>[rows, d]</c>; the caller disposes them.</returns>
    public unsafe Tensor RmsNorm(Tensor x, Tensor weight, double eps, int rows, int width)
    {
        if (!Managed)
        {
            return RmsNormByTorch(x, weight, eps);
        }

        Tensor y = empty_like(x);
        void* source = TensorMemory.Pointer(x), gain = TensorMemory.Pointer(weight), target = TensorMemory.Pointer(y);
        if (Type == ScalarType.BFloat16)
        {
            RowKernels.RmsNorm(_team!, (ushort*)source, (ushort*)gain, (ushort*)target, rows, width, (float)eps);
        }
        else
        {
            RowKernels.RmsNorm(_team!, (float*)source, (float*)gain, (float*)target, rows, width, (float)eps);
        }

        return y;
    }

    /// <summary>Rotary position embedding.</summary>
    /// <param name="x">Rows <c>[rows, heads, head]</c>; consumed.</param>
    /// <param name="rotary">Cosines and sines of the rows.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="headSize">Width of a head.</param>
    /// <returns>The rotated rows; the caller disposes them.</returns>
    public unsafe Tensor Rotate(Tensor x, RotaryRows rotary, int rows, int heads, int headSize)
    {
        if (!Managed)
        {
            Tensor rotated = RotateByTorch(x, rotary, headSize);
            x.Dispose();
            return rotated;
        }

        void* data = TensorMemory.Pointer(x);
        float* cos = (float*)TensorMemory.Pointer(rotary.Cos), sin = (float*)TensorMemory.Pointer(rotary.Sin);
        if (Type == ScalarType.BFloat16)
        {
            RowKernels.Rotate(_team!, (ushort*)data, cos, sin, rows, heads, headSize, rotary.Half);
        }
        else
        {
            RowKernels.Rotate(_team!, (float*)data, cos, sin, rows, heads, headSize, rotary.Half);
        }

        return x;
    }

    /// <summary><c>silu(gate) ⊙ up</c>.</summary>
    /// <param name="gate">Consumed.</param>
    /// <param name="up">Borrowed.</param>
    /// <param name="count">Number of elements.</param>
    /// <returns>The product; the caller disposes it.</returns>
    public unsafe Tensor SiluTimes(Tensor gate, Tensor up, long count)
    {
        if (!Managed)
        {
            using Tensor activated = F.silu(gate);
            gate.Dispose();
            return activated.mul(up);
        }

        if (Type == ScalarType.BFloat16)
        {
            RowKernels.SiluTimes(_team!, (ushort*)TensorMemory.Pointer(gate), (ushort*)TensorMemory.Pointer(up), count);
        }
        else
        {
            RowKernels.SiluTimes(_team!, (float*)TensorMemory.Pointer(gate), (float*)TensorMemory.Pointer(up), count);
        }

        return gate;
    }

    /// <summary><c>x + y</c> for a residual.</summary>
    /// <param name="x">Consumed.</param>
    /// <param name="y">Consumed.</param>
    /// <returns>The sum; the caller disposes it.</returns>
    public Tensor AddResidual(Tensor x, Tensor y)
    {
        if (!Differentiable)
        {
            x.add_(y);
            y.Dispose();
            return x;
        }

        Tensor sum = x.add(y);
        x.Dispose();
        y.Dispose();
        return sum;
    }

    /// <summary>Attention of one row over all keys of a cache in one managed pass, or null where libtorch is the way.</summary>
    /// <param name="q">Queries <c>[1, heads, head]</c>, contiguous; borrowed.</param>
    /// <param name="k">Keys <c>[kv heads, keys, head]</c>, a view with contiguous rows; borrowed.</param>
    /// <param name="v">Values, laid out as the keys; borrowed.</param>
    /// <param name="shape">heads, kv heads, head, keys.</param>
    /// <returns><c>[1, heads * head]</c>; the caller disposes it.</returns>
    internal unsafe Tensor? AttendOneRow(Tensor q, Tensor k, Tensor v, (int Heads, int KeyValueHeads, int D, int Keys) shape)
    {
        if (!Managed)
        {
            return null;
        }

        Tensor y = empty(1, shape.Heads * shape.D, dtype: Type, device: Device);
        OneRowAttention.Run(
            _team!, TensorMemory.Pointer(q), TensorMemory.Pointer(k), TensorMemory.Pointer(v), TensorMemory.Pointer(y),
            (shape.Heads, shape.KeyValueHeads, shape.D, shape.Keys, k.stride(0), k.stride(1)), Type == ScalarType.BFloat16);
        return y;
    }

    /// <summary>Column sums of the head-reduced attention probabilities over groups of query rows, on the CPU in one pass a row block.</summary>
    /// <param name="scores">Unscaled logits of a block of rows <c>[heads, rows, keys]</c> in the type computed in, contiguous.</param>
    /// <param name="visible">Per row of the block the number of leading keys it sees.</param>
    /// <param name="first">Per row of the block the first key it sees (a sliding window), 0 without a window.</param>
    /// <param name="groupOf">Per row of the block the bits of the groups it belongs to.</param>
    /// <param name="sums">float32 <c>[groups, keys]</c>, added to.</param>
    /// <param name="shape">heads, keys of the block, keys of a row of <paramref name="sums"/>, groups.</param>
    /// <param name="scale">Factor on the logits.</param>
    /// <param name="maximum">Head maximum, else head mean.</param>
    internal unsafe void AddHeadReducedColumnSums(
        Tensor scores, ReadOnlyMemory<int> visible, ReadOnlyMemory<int> first, ReadOnlyMemory<int> groupOf, Tensor sums, (int Heads, int Keys, int Stride, int Groups) shape, float scale, bool maximum)
        => HeadReducedSums.Add(_team!, TensorMemory.Pointer(scores), Type == ScalarType.BFloat16, visible, first, groupOf, (float*)TensorMemory.Pointer(sums), shape, scale, maximum);

    /// <summary>Whether attention statistics may use the managed kernel.</summary>
    internal bool HasManagedKernels => Managed;

    /// <summary>Stops the kernel threads.</summary>
    public void Dispose()
    {
        if (_ownsTeam)
        {
            _team?.Dispose();
        }
    }

    private static Tensor RmsNormByTorch(Tensor x, Tensor weight, double eps)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor wide = x.to_type(ScalarType.Float32);
        Tensor mean = wide.pow(2).mean([-1], keepdim: true);
        return weight.mul(wide.mul(mean.add(eps).rsqrt()).to_type(x.dtype)).MoveToOuterDisposeScope();
    }

    private static Tensor RotateByTorch(Tensor x, RotaryRows rotary, int headSize)
    {
        using DisposeScope scope = NewDisposeScope();
        int half = rotary.Half;
        Tensor cos = rotary.Cos.to_type(x.dtype).unsqueeze(1); // [rows, half] -> [rows, 1, half]
        Tensor sin = rotary.Sin.to_type(x.dtype).unsqueeze(1);
        Tensor a = x.narrow(-1, 0, half);
        Tensor b = x.narrow(-1, half, half);
        Tensor first = a.mul(cos).sub(b.mul(sin));
        Tensor second = b.mul(cos).add(a.mul(sin));
        Tensor rotated = headSize == 2 * half ? cat([first, second], -1) : cat([first, second, x.narrow(-1, 2 * half, headSize - (2 * half))], -1);
        return rotated.MoveToOuterDisposeScope();
    }

    private unsafe Tensor LinearByGemv(Tensor x, LinearWeights weights, int rows)
    {
        int inputs = weights.Inputs, outputs = weights.Outputs;
        bool halves = Type == ScalarType.BFloat16;
        int size = halves ? 2 : 4;
        Tensor y = empty(rows, outputs, dtype: Type, device: Device);
        float[] buffer = ArrayPool<float>.Shared.Rent(inputs + (2 * outputs));
        fixed (float* wide = buffer)
        {
            float* result = wide + inputs, bias = weights.Bias is { } stored ? AsSingle(TensorMemory.Pointer(stored), result + outputs, outputs, halves) : null;
            for (int row = 0; row < rows; row++)
            {
                void* source = (byte*)TensorMemory.Pointer(x) + ((long)row * inputs * size);
                void* target = (byte*)TensorMemory.Pointer(y) + ((long)row * outputs * size);
                float* into = halves ? result : (float*)target;
                if (weights.StoredType == ScalarType.BFloat16)
                {
                    Gemv.Bf16(_team!, (ushort*)TensorMemory.Pointer(weights.Weight), source, halves, bias, into, outputs, inputs);
                }
                else
                {
                    Gemv.Single(_team!, (float*)TensorMemory.Pointer(weights.Weight), AsSingle(source, wide, inputs, halves), bias, into, outputs, inputs);
                }

                if (halves)
                {
                    Bf16.Round(result, (ushort*)target, outputs);
                }
            }
        }

        ArrayPool<float>.Shared.Return(buffer);
        return y;
    }

    // A row as float32: itself, or widened into the buffer.
    private static unsafe float* AsSingle(void* row, float* buffer, int count, bool halves)
    {
        if (!halves)
        {
            return (float*)row;
        }

        Bf16.Widen((ushort*)row, buffer, count);
        return buffer;
    }
}
