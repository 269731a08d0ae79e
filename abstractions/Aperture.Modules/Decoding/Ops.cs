using System.Buffers;
using Aperture.Kernels;
using Aperture.Measuring;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>
/// The thin layer between model code and libtorch: it owns device, element type and the fast paths. On the CPU, row-wise operations and one-row products run in
/// managed kernels on the tensors' own memory; on a GPU and while training they are libtorch operations. Rows are packed <c>[rows, width]</c> and contiguous.
/// One instance serves one model; calls come from one thread at a time.
/// </summary>
public sealed partial class Ops : IDisposable
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
        Weights = shared.Weights;
        Cache = shared.Cache;
        Watch = shared.Watch;
        _team = shared._team;
        Differentiable = differentiable;
    }

    /// <summary>Where tensors live.</summary>
    public Device Device { get; }

    /// <summary>The element type computed in.</summary>
    public ScalarType Type { get; }

    /// <summary>Threads of the managed kernels.</summary>
    public int Threads { get; }

    /// <summary>How the matrices of linear layers are kept that are loaded for these operations.</summary>
    public WeightFormat Weights { get; init; }

    /// <summary>How a decoder's caches keep keys and values.</summary>
    public CacheFormat Cache { get; init; }

    /// <summary>Notes the linear layers that are loaded for these operations; null for nobody.</summary>
    internal MatrixWatch? Watch { get; init; }

    /// <summary>Matrices in few bits that were loaded for these operations.</summary>
    internal int FewBitMatrices { get; set; }

    /// <summary>Tells by stage where time goes; null for nobody. Set by whoever has the model's turn.</summary>
    internal StageClock? Clock { get; set; }

    /// <summary>Whether every operation records gradients and none works in place.</summary>
    public bool Differentiable { get; }

    /// <summary>The threads of the managed kernels; there on the CPU alone.</summary>
    internal WorkerTeam Team => _team ?? throw new InvalidOperationException("Managed kernels work on the CPU alone.");

    private bool Managed => _team is not null && !Differentiable && Type is ScalarType.Float32 or ScalarType.BFloat16;

    /// <summary>The same operations with gradients. Shares this instance's threads and must not outlive it.</summary>
    public Ops ForTraining() => new(this, differentiable: true);

    /// <summary><c>x Wᵀ + b</c>.</summary>
    /// <param name="x">Rows <c>[rows, in]</c>.</param>
    /// <param name="weights">The layer.</param>
    /// <param name="rows">Number of rows.</param>
    /// <returns>Rows <c>[rows, out]</c>; the caller disposes them.</returns>
    public Tensor Linear(Tensor x, Matrix weights, int rows)
    {
        Clock?.Count(rows * weights.RowMacs, weights.StoredBytes);
        return rows is > 0 and <= RowsForGemv && Managed && weights.HasRowKernel ? LinearByGemv(x, weights, rows) : weights.Apply(x);
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

    /// <summary><c>x · factor</c>.</summary>
    /// <param name="x">Consumed.</param>
    /// <param name="factor">The factor.</param>
    /// <returns>The product; the caller disposes it.</returns>
    public Tensor Scale(Tensor x, double factor)
    {
        if (!Differentiable)
        {
            x.mul_(factor);
            return x;
        }

        using (x)
        {
            return x.mul(factor);
        }
    }

    /// <summary>Opens a stage where somebody measures; costs a null check else.</summary>
    /// <param name="stage">Which.</param>
    /// <returns>Ends it when it is disposed.</returns>
    internal StageScope Time(ForwardStage stage) => Clock is { } clock ? clock.Enter(stage) : default;

    /// <summary>Stops the kernel threads.</summary>
    public void Dispose()
    {
        if (_ownsTeam)
        {
            _team?.Dispose();
        }
    }

    private unsafe Tensor LinearByGemv(Tensor x, Matrix weights, int rows)
    {
        int inputs = weights.Inputs, outputs = weights.Outputs;
        bool halves = Type == ScalarType.BFloat16;
        int size = halves ? 2 : 4;
        Tensor y = empty(rows, outputs, dtype: Type, device: Device);
        float[] buffer = ArrayPool<float>.Shared.Rent(inputs + (2 * outputs));
        fixed (float* scratch = buffer)
        {
            float* result = scratch + inputs;
            float* bias = weights.Bias is { } stored ? Bf16.AsSingle(TensorMemory.Pointer(stored), result + outputs, outputs, halves) : null;
            for (int row = 0; row < rows; row++)
            {
                void* source = (byte*)TensorMemory.Pointer(x) + ((long)row * inputs * size);
                void* target = (byte*)TensorMemory.Pointer(y) + ((long)row * outputs * size);
                weights.TimesRow(_team!, source, halves, bias, scratch, halves ? result : (float*)target);
                if (halves)
                {
                    Bf16.Round(result, (ushort*)target, outputs);
                }
            }
        }

        ArrayPool<float>.Shared.Return(buffer);
        return y;
    }
}
