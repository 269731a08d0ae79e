using Aperture.Abstractions.Tests.Weights;
using Aperture.Decoding;
using Aperture.Kernels;
using Aperture.Models;
using Aperture.Weights;
using static Aperture.Abstractions.Tests.Decoding.MatrixValues;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Decoding;

/// <summary>Matrices over codes as checkpoints store them.</summary>
[Collection("tensors")]
public sealed unsafe class StoredCodesTests
{
    [Theory]
    [InlineData("normal", 1)]
    [InlineData("normal", 2)]
    [InlineData("positive", 1)]
    [InlineData("negative", 2)]
    [InlineData("unequal", 1)]
    [InlineData("heavy", 2)]
    public void Four_bits_are_found_again_from_what_is_stored(string kind, int together)
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 2);
        using Tensor noise = Noise(1, 60, 256), weight = Kind(noise, kind), x = Noise(2, 3, 256);
        weight[7].zero_();
        using Tensor part = weight.narrow(1, 64, 64);
        part.zero_(); // empty groups beside full ones
        using Int4Matrix made = Int4Matrix.Quantize(weight, null, ops, "w", together, null), found = Int4Matrix.Over(made.Stored(together), null, ops)!;

        Assert.Equal(Bytes(made.Kernel(), 60), Bytes(found.Kernel(), 60));
        Assert.Equal(Values(made.Scales), Values(found.Scales));
        using Tensor expected = made.Apply(x), actual = found.Apply(x), left = made.Dense(), right = found.Dense();
        Assert.Equal(Values(expected), Values(actual));
        Assert.Equal(Values(left), Values(right));
        using Int4Codes codes = made.Stored(together);
        Assert.Equal([60L, 8 / together], codes.Scales.shape);
    }

    [Fact]
    public void Scales_that_are_no_multiples_of_one_are_left_to_the_numbers()
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        Int4Codes Codes(params float[] scales) => new(zeros(1, 8, dtype: ScalarType.Int32), tensor(scales).reshape(1, 2), full([1, 2], 8, ScalarType.Byte));

        using Int4Matrix? one = Int4Matrix.Over(Codes(0.25f, 0.25f), null, ops), multiples = Int4Matrix.Over(Codes(0.3f * 4, 0.3f * 6), null, ops);
        using Int4Matrix? none = Int4Matrix.Over(Codes(0.3f, 0.7f), null, ops), wide = Int4Matrix.Over(Codes(1, 16), null, ops);
        using Int4Matrix? negative = Int4Matrix.Over(Codes(1, -1), null, ops), broken = Int4Matrix.Over(Codes(1, float.NaN), null, ops);

        Assert.Equal([0.25f], Values(one!.Scales));
        Assert.True(multiples is null || Values(multiples.Scales)[0] == 0.6f); // where float32 holds both exactly
        Assert.Equal([null, null, null, null], new Int4Matrix?[] { none, wide, negative, broken });
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 2)]
    public void A_fit_is_no_worse_than_the_nearest_in_any_row(ulong seed, int together)
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = Noise(seed, 40, 321), noise = Noise(seed + 10, 321), cube = noise.pow(3), importance = cube.square();
        using Int4Matrix nearest = Int4Matrix.Quantize(weight, null, ops, "w", together, null);
        using Int4Matrix fitted = Int4Matrix.Quantize(weight, null, ops, "w", together, importance);
        float[] Errors(Int4Matrix matrix)
        {
            using Tensor dense = matrix.Dense(), off = dense.sub(weight), square = off.square(), counted = square.mul(importance), sums = counted.sum(dim: 1);
            return Values(sums);
        }

        float[] before = Errors(nearest), after = Errors(fitted);

        Assert.All(before.Zip(after), pair => Assert.True(pair.Second <= pair.First * 1.0001f));
        Assert.True(after.Sum() < 0.8 * before.Sum());
    }

    [Fact]
    public void Eight_bits_of_other_writers_are_multiplied_as_they_lie_in_the_file()
    {
        byte[] codes = [.. Enumerable.Range(0, 3 * 40).Select(i => (byte)(i * 37))]; // -128 among them
        codes[5] = 0x80;
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "I8", [3L, 40], codes).Halves("w.weight_scale", [3L, 1], 0.5f, 2f, 0.25f).Add("w.bias", [3L], 1f, 2f, 3f)
            .Json("config.json", """{"quantization_config": {"quant_method": "compressed-tensors", "format": "int-quantized"}}""").Save();
        using Opened opened = new(folder.Root, WeightFormat.Int8);
        using Matrix matrix = opened.Policy.Linear(opened.Source.Rename(name => "view." + name), "view.w", 3, 40, bias: true);
        using Tensor x = Noise(1, 20, 40), one = x.narrow(0, 4, 1);

        Int8Matrix eight = Assert.IsType<Int8Matrix>(matrix);
        using Tensor stored = opened.Source.Load("w.weight"), dense = matrix.Dense(), flat = eight.Codes.to_type(ScalarType.Int32);
        Assert.Equal(codes.Select(code => (int)(sbyte)code), flat.data<int>().ToArray());
        Assert.Equal(Values(stored), Values(dense));
        using Tensor all = matrix.Apply(x), alone = matrix.Apply(one), row = all[4], product = x.matmul(dense.t());
        using Tensor single = alone[0], bias = tensor((float[])[1, 2, 3]), expected = product.add(bias);
        Assert.Equal(Values(row), Values(single));
        Assert.InRange(Error(expected, all), 0, 0.02);
    }

    [Fact]
    public void What_does_not_fit_is_turned_into_numbers_first()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "I8", [2L, 32], new byte[64]).Add("w.weight_scale", [2L, 2], 1f, 2f, 3f, 4f) // by groups
            .Add("v.weight_packed", [1L, 8], new int[8]).Add("v.weight_scale", [1L, 2], 0.3f, 0.7f).Add("v.weight_shape", [2L], 1, 64)
            .Json("config.json", """{"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized"}}""").Save();
        using Opened eight = new(folder.Root, WeightFormat.Int8), four = new(folder.Root, WeightFormat.Int4);

        using Matrix grouped = eight.Policy.Linear(eight.Source, "w", 2, 32, bias: false), other = four.Policy.Linear(four.Source, "w", 2, 32, bias: false);
        using Matrix packed = four.Policy.Linear(four.Source, "v", 1, 64, bias: false);

        Assert.IsType<Int8Matrix>(grouped);
        Assert.IsType<Int4Matrix>(other);
        using Tensor dense = packed.Dense();
        Assert.InRange(Values(dense)[0], -2.5f, -2.3f); // code 0 less 8, times 0.3
        Assert.InRange(Values(dense)[63], -5.7f, -5.5f);
    }

    [Fact]
    public void A_checkpoint_opens_in_the_format_that_it_was_written_for_unless_another_is_asked_for()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "I8", [1L, 2], 3, 4).Add("w.weight_scale", [1L, 1], 1f)
            .Json("config.json", """{"quantization_config": {"quant_method": "compressed-tensors", "aperture_weights": "int8"}}""").Save();
        using Opened auto = new(folder.Root, null), stored = new(folder.Root, WeightFormat.Stored);

        Assert.Equal(WeightFormat.Int8, auto.Policy.Format);
        Assert.Equal(WeightFormat.Stored, stored.Policy.Format);
        folder.Json("config.json", """{"quantization_config": {"quant_method": "compressed-tensors", "aperture_weights": "int3"}}""");
        Assert.Contains("aperture_weights", folder.Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_left_behind() => LiveTensors.MustNotGrow(() =>
    {
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        using Tensor weight = randn(30, 64), x = randn(1, 64);
        using Int4Matrix made = Int4Matrix.Quantize(weight, null, ops), found = Int4Matrix.Over(made.Stored(1), randn(30), ops)!;
        found.Apply(x).Dispose();
        Int4Codes broken = new(zeros(1, 8, dtype: ScalarType.Int32), full([1, 2], double.NaN), zeros(1, 2, dtype: ScalarType.Byte));
        Assert.Null(Int4Matrix.Over(broken, null, ops));
        using Int8Matrix eight = Int8Matrix.Over(new Int8Codes(zeros(30, 64, dtype: ScalarType.Int8), ones(30)), null, ops, "w");
        using (TorchSharp.DisposeScope scope = NewDisposeScope())
        {
            eight.Apply(x);
        }

        eight.Apply(x).Dispose(); // the sums outlive the scope of the first product
        Assert.Throws<ApertureException>(
            () => Int8Matrix.Over(new Int8Codes(zeros(2, 4, dtype: ScalarType.Int8), full(2, double.NaN)), zeros(2), ops, "w"));
    });

    private static Tensor Kind(Tensor noise, string kind) => kind switch
    {
        "positive" => noise.abs(),
        "negative" => noise.abs().neg(),
        "unequal" => noise.mul(linspace(0.01, 1, 256)),
        "heavy" => noise.pow(3),
        _ => noise.clone(),
    };

    private static byte[] Bytes(Int4Weights weights, int outputs)
    {
        int groups = outputs * weights.Groups;
        return
        [
            .. new ReadOnlySpan<byte>(weights.Codes, groups * Int4Weights.Group / 2), .. new ReadOnlySpan<byte>(weights.Factors, groups),
            .. new ReadOnlySpan<byte>(weights.Shifts, groups),
        ];
    }

    /// <summary>A folder's weights and how they are loaded.</summary>
    private sealed class Opened : IDisposable
    {
        private readonly ModelOpening _opening;

        public Opened(string folder, WeightFormat? weights)
        {
            _opening = new ModelOpening(CPU, ScalarType.Float32, threads: 1) { Weights = weights };
            Source = CheckpointWeights.Open(new ModelFolder(folder), _opening);
            Policy = _opening.Policy(ScalarType.Float32);
        }

        public IWeightSource Source { get; }

        public WeightPolicy Policy { get; }

        public void Dispose() => _opening.Dispose();
    }
}
