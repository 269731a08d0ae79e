using Aperture.Kernels;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Decoding;

/// <summary>Where a model's weights live and in which element type; loads tensors accordingly.</summary>
/// <param name="Device">Where the weights live.</param>
/// <param name="Compute">The element type computed in.</param>
/// <param name="Storage">
/// The element type large matrices are kept in. Where it is narrower than <paramref name="Compute"/>, a matrix is widened for each call.
/// </param>
public sealed record WeightPolicy(Device Device, ScalarType Compute, ScalarType Storage)
{
    // Quantising the rows of a product takes longer than what eight bits save where the matrix has fewer weights.
    private const long SmallestThatGains = 256 * 256;

    /// <summary>
    /// The operations whose format and threads the matrices of linear layers are kept and multiplied with; null keeps them as the checkpoint stores them.
    /// Borrowed; must outlive what is loaded.
    /// </summary>
    public Ops? Ops { get; init; }

    /// <summary>How the matrices of linear layers are kept.</summary>
    public WeightFormat Format => Ops?.Weights ?? WeightFormat.Stored;

    /// <summary>
    /// Weights of the smallest matrix that is kept in few bits where a model is no decoder; smaller ones stay as stored. 0 keeps all of them so.
    /// </summary>
    public long SmallestMatrix { get; init; }

    /// <summary>Ends the loading of a model; checked before each tensor.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>
    /// The policy for a device. <c>auto</c> computes a half-precision checkpoint in bf16 where that is the faster type, keeps it at 2 bytes a weight and widens
    /// matrix by matrix where it is not, and computes everything else in float32.
    /// </summary>
    /// <param name="device">Where the weights live.</param>
    /// <param name="type">float32, bfloat16 or float16; null for auto.</param>
    /// <param name="stored">The element type most of the checkpoint is stored in.</param>
    /// <param name="halfType">
    /// Tells whether half precision is computed in bf16 or in float32 on the CPU; null goes by whether the processor has bf16 instructions.
    /// </param>
    public static WeightPolicy For(Device device, ScalarType? type, ScalarType stored, Func<ScalarType>? halfType = null)
    {
        if (type is { } asked)
        {
            return new WeightPolicy(device, asked, asked);
        }

        bool half = stored is ScalarType.BFloat16 or ScalarType.Float16;
        if (!half)
        {
            return new WeightPolicy(device, ScalarType.Float32, ScalarType.Float32);
        }

        bool native = device.type != TorchSharp.DeviceType.CPU || (halfType is null ? ProcessorHasBf16 : halfType() == ScalarType.BFloat16);
        return new WeightPolicy(device, native ? ScalarType.BFloat16 : ScalarType.Float32, ScalarType.BFloat16);
    }

    /// <summary>The policy of a part that computes and stores in the type of its operations, and keeps matrices in their format.</summary>
    /// <param name="ops">The operations; borrowed.</param>
    public static WeightPolicy Of(Ops ops) => new(ops.Device, ops.Type, ops.Type) { Ops = ops };

    /// <summary>
    /// The policy of a model beside the decoders: in one type, and with the matrices of its linear layers in a format, where the device has it. Convolutions,
    /// norms and tables stay as they are.
    /// </summary>
    /// <param name="name">The model's name, for messages.</param>
    /// <param name="format">How matrices are kept.</param>
    /// <param name="device">Where it runs.</param>
    /// <param name="type">The element type computed in.</param>
    /// <param name="owned">Takes the operations that quantised matrices are multiplied with, to be disposed after the model; nothing for stored ones.</param>
    /// <exception cref="ApertureException">The device does not multiply in the format.</exception>
    public static WeightPolicy InFormat(string name, WeightFormat format, Device device, ScalarType type, ICollection<IDisposable> owned)
    {
        if (format == WeightFormat.Stored)
        {
            return new WeightPolicy(device, type, type);
        }

        if (device.type != TorchSharp.DeviceType.CPU)
        {
            string asked = format.ToString().ToLowerInvariant();
            throw new ApertureException($"{name}: Weights in {asked} work on the CPU, but the device is {device}; leave Weights out or use the CPU.");
        }

        Ops ops = new(device, type) { Weights = format };
        owned.Add(ops);
        return Of(ops) with { SmallestMatrix = SmallestThatGains };
    }

    /// <summary>Says in one line that a format was asked for and no matrix of the model is kept in it.</summary>
    /// <param name="name">The model's name.</param>
    /// <param name="tell">Gets the line.</param>
    public void TellWhereNothingGains(string name, Action<string> tell)
    {
        if (Format != WeightFormat.Stored && Ops!.FewBitMatrices == 0)
        {
            string asked = Format.ToString().ToLowerInvariant();
            tell($"{name}: Weights in {asked} change nothing, because every matrix is smaller than 256 x 256 and would be multiplied more slowly so.");
        }
    }

    /// <summary>Whether this processor multiplies bf16 matrices in hardware (AVX512-BF16 or AMX).</summary>
    public static bool ProcessorHasBf16 { get; } = DetectBf16();

    /// <summary>Loads a matrix in <see cref="Storage"/>.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Name of the tensor.</param>
    /// <param name="shape">The shape the configuration asks for.</param>
    /// <returns>The tensor; the caller disposes it. Its memory may be the source's, which stays as long.</returns>
    /// <exception cref="ApertureException">The tensor is missing or has another shape.</exception>
    public Tensor Matrix(IWeightSource source, string name, params long[] shape) => Load(source, name, shape, Storage);

    /// <summary>Loads a small tensor, such as a norm's gain, in <see cref="Compute"/>.</summary>
    /// <inheritdoc cref="Matrix"/>
    public Tensor Vector(IWeightSource source, string name, params long[] shape) => Load(source, name, shape, Compute);

    /// <summary>Loads a linear layer in <see cref="Format"/>.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    /// <param name="bias">Whether there is a bias.</param>
    /// <returns>The matrix; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public Matrix Linear(IWeightSource source, string name, int outputs, int inputs, bool bias)
    {
        if (Format != WeightFormat.Stored)
        {
            return Quantized(source, name + ".weight", bias ? name + ".bias" : null, outputs, inputs);
        }

        Tensor weight = Matrix(source, name + ".weight", outputs, inputs);
        try
        {
            return Watched(source, name + ".weight", new DenseMatrix(weight, bias ? Vector(source, name + ".bias", outputs) : null));
        }
        catch
        {
            weight.Dispose();
            throw;
        }
    }

    /// <summary>Loads a decoder's norm.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">Name without <c>.weight</c>.</param>
    /// <param name="kind">Whether there is a bias beside the gain.</param>
    /// <param name="width">Its width.</param>
    /// <returns>The norm; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A tensor is missing or has another shape.</exception>
    public NormWeights Norm(IWeightSource source, string name, NormKind kind, int width)
    {
        Tensor gain = Vector(source, name + ".weight", width);
        try
        {
            return new NormWeights(gain, kind == NormKind.Layer ? Vector(source, name + ".bias", width) : null);
        }
        catch
        {
            gain.Dispose();
            throw;
        }
    }

    /// <summary>Whether a linear layer is kept in a quantised <see cref="Format"/>.</summary>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    internal bool IsQuantized(int outputs, int inputs) => Format != WeightFormat.Stored && (long)outputs * inputs >= SmallestMatrix;

    /// <summary>Notes a linear layer where somebody watches.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="weight">Whole name of the matrix.</param>
    /// <param name="matrix">The layer; owned by what is returned.</param>
    /// <returns>What is to be used in its place.</returns>
    internal Matrix Watched(IWeightSource source, string weight, Matrix matrix) => Ops?.Watch?.Take(source, weight, matrix) ?? matrix;

    /// <summary>
    /// Loads a linear layer in a quantised <see cref="Format"/>: over the codes that the checkpoint stores where they are of this format, else from the
    /// numbers.
    /// </summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="weight">Whole name of the matrix.</param>
    /// <param name="bias">Whole name of the bias; null without one.</param>
    /// <param name="outputs">Output width.</param>
    /// <param name="inputs">Input width.</param>
    /// <returns>The matrix; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A tensor is missing, has another shape or holds a number that the format cannot.</exception>
    internal Matrix Quantized(IWeightSource source, string weight, string? bias, int outputs, int inputs)
    {
        // A convolution of one pixel is a linear layer too: [out, in, 1, 1].
        Check(source, weight, source.Describe(weight).Shape.Length == 4 ? [outputs, inputs, 1, 1] : [outputs, inputs]);
        Tensor? added = bias is null ? null : Vector(source, bias, outputs);
        Ops!.FewBitMatrices++;
        if (Mapped(source, weight, added) is { } mapped)
        {
            return mapped;
        }

        using Tensor stored = source.Load(weight);
        using Tensor flat = stored.reshape(outputs, inputs), ordered = flat.contiguous(); // a pickled checkpoint may hold transposed ones
        Matrix matrix = Quantize(ordered, added, weight);
        (source as IMappedWeights)?.ReleasePages(weight);
        return matrix;
    }

    /// <summary>A matrix of numbers in a quantised <see cref="Format"/>.</summary>
    /// <param name="weight">The matrix <c>[out, in]</c>; borrowed.</param>
    /// <param name="bias">The bias <c>[out]</c> in the type computed in, or null; owned, also if this throws.</param>
    /// <param name="name">What messages call it.</param>
    /// <returns>The matrix; the caller disposes it.</returns>
    /// <exception cref="ApertureException">A weight is one that the format cannot hold.</exception>
    internal Matrix Quantize(Tensor weight, Tensor? bias, string name)
        => Format == WeightFormat.Int8 ? Int8Matrix.Quantize(weight, bias, Ops!, name) : Int4Matrix.Quantize(weight, bias, Ops!, name);

    // Codes of the format asked for are taken as they lie in the file.
    private Matrix? Mapped(IWeightSource source, string weight, Tensor? bias)
    {
        if (WeightOrigin.Find(source, weight, behind => behind is QuantizedWeights) is not (QuantizedWeights quantized, var name))
        {
            return null;
        }

        return Format == WeightFormat.Int8
            ? quantized.EightBits(name) is { } eight ? Int8Matrix.Over(eight, bias, Ops!, weight) : null
            : quantized.FourBits(name) is { } four ? Int4Matrix.Over(four, bias, Ops!) : null;
    }

    private void Check(IWeightSource source, string name, long[] shape)
    {
        Cancellation.ThrowIfCancellationRequested();
        WeightInfo info = source.Describe(name);
        if (!info.Shape.AsSpan().SequenceEqual(shape))
        {
            string found = string.Join(", ", info.Shape), asked = string.Join(", ", shape);
            throw new ApertureException($"{name} has shape [{found}] but config.json asks for [{asked}]; checkpoint and configuration do not belong together.");
        }

        if (!IsNumber(info.ScalarType))
        {
            throw new ApertureException(
                $"{name} is stored as {info.StoredType}, codes of a quantised checkpoint without what turns them into numbers; take the checkpoint that is not "
                + "quantised.");
        }
    }

    private Tensor Load(IWeightSource source, string name, long[] shape, ScalarType type)
    {
        Check(source, name, shape);
        Tensor stored = source.Load(name);
        bool rowMajor = stored.is_contiguous();
        if (stored.dtype == type && Device.type == TorchSharp.DeviceType.CPU && rowMajor)
        {
            return stored;
        }

        using (stored)
        {
            // The kernels read matrices row by row; a pickled checkpoint may hold transposed ones.
            using Tensor? ordered = rowMajor ? null : stored.contiguous();
            Tensor converted = (ordered ?? stored).to(type, Device);
            (source as IMappedWeights)?.ReleasePages(name);
            return converted;
        }
    }

    private static bool IsNumber(ScalarType type)
        => type is ScalarType.Float32 or ScalarType.BFloat16 or ScalarType.Float16 or ScalarType.Float64;

    private static bool DetectBf16()
    {
        // CPUID leaf 7, subleaf 1, EAX bit 5: AVX512_BF16; leaf 7, subleaf 0, EDX bit 22: AMX-BF16.
        if (!System.Runtime.Intrinsics.X86.X86Base.IsSupported || !System.Runtime.Intrinsics.X86.Avx512F.IsSupported)
        {
            return false;
        }

        (int highest, _, _, _) = System.Runtime.Intrinsics.X86.X86Base.CpuId(0, 0);
        return highest >= 7
            && ((System.Runtime.Intrinsics.X86.X86Base.CpuId(7, 1).Eax & (1 << 5)) != 0
                || (System.Runtime.Intrinsics.X86.X86Base.CpuId(7, 0).Edx & (1 << 22)) != 0);
    }
}
