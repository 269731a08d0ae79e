using System.Text;
using System.Text.Json;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>Quantised checkpoints open as numbers, or not at all: their codes are never taken for weights.</summary>
[Collection("tensors")]
public sealed class QuantizedWeightsTests
{
    // E4M3: 1, 2, -1.5, 0.5, 3, -4.
    private static readonly byte[] _codes = [0x38, 0x40, 0xBC, 0x30, 0x44, 0xC8];
    private static readonly float[] _values = [1, 2, -1.5f, 0.5f, 3, -4];

    [Theory]
    [InlineData("w.weight_scale", new long[] { 1 }, new float[] { 0.5f }, new float[] { .5f, .5f, .5f, .5f, .5f, .5f })]
    [InlineData("w.weight_scale", new long[] { }, new float[] { 0.5f }, new float[] { .5f, .5f, .5f, .5f, .5f, .5f })]
    [InlineData("w.weight_scale_inv", new long[] { 1, 1 }, new float[] { 4f }, new float[] { 4, 4, 4, 4, 4, 4 })]
    [InlineData("w.weight_scale", new long[] { 2 }, new float[] { 2f, 8f }, new float[] { 2, 2, 2, 8, 8, 8 })]
    [InlineData("w.weight_scale", new long[] { 2, 1 }, new float[] { 2f, 8f }, new float[] { 2, 2, 2, 8, 8, 8 })]
    [InlineData("w.weight_scale", new long[] { 1, 3 }, new float[] { 1f, 2f, 4f }, new float[] { 1, 2, 4, 1, 2, 4 })]
    [InlineData("w.weight_scale", new long[] { 2, 3 }, new float[] { 1, 2, 4, 8, 16, 32 }, new float[] { 1, 2, 4, 8, 16, 32 })]
    [InlineData("w.scale_weight", new long[] { 1 }, new float[] { 3 }, new float[] { 3, 3, 3, 3, 3, 3 })]
    public void FP8_is_multiplied_by_scales_of_every_shape(string scale, long[] shape, float[] scales, float[] each)
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "F8_E4M3", [2, 3], _codes).Add(scale, shape, scales).Json("config.json", "{}").Save();

        (float[] values, string[] names) = folder.Load("w.weight");

        Assert.Equal(_values.Zip(each, (value, factor) => value * factor), values);
        Assert.Equal(["w.weight"], names);
    }

    [Fact]
    public void Blocks_that_do_not_divide_the_weight_are_as_large_as_the_configuration_says()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "F8_E4M3", [2, 3], _codes).Add("w.weight_scale_inv", [1L, 2], 1f, 10f)
            .Json("config.json", """{"quantization_config": {"quant_method": "fp8", "weight_block_size": [2, 2]}}""").Save();

        Assert.Equal([1f, 2, -15, 0.5f, 3, -40], folder.Load("w.weight").Values);
        folder.Json("config.json", """{"quantization_config": {"quant_method": "fp8"}}""");
        string message = Assert.Throws<ApertureException>(() => folder.Load("w.weight")).Message;
        Assert.Contains("does not divide a weight of [2, 3]", message, StringComparison.Ordinal);
    }

    [Fact]
    public void FP8_beside_a_scale_of_another_name_is_refused_and_without_any_is_numbers()
    {
        using CheckpointFolder folder = new(), plain = new();
        folder.Add("w.weight", "F8_E4M3", [2, 3], _codes).Add("w.scales", [1L], 0.5f).Json("config.json", "{}").Save();
        plain.Add("w.weight", "F8_E4M3", [2, 3], _codes).Add("w.input_scale", [1L], 0.5f).Add("ww.scale", [1L], 1f).Json("config.json", "{}").Save();

        Assert.Contains(
            "w.weight is stored as F8_E4M3, and 'w.scales' beside it is no scale that is known",
            Assert.Throws<ApertureException>(() => folder.Load("w.weight")).Message, StringComparison.Ordinal);
        Assert.Equal(_values, plain.Load("w.weight").Values);
    }

    [Fact]
    public void Int8_with_scales_and_zero_points()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "I8", [2, 2], 10, 0xF6, 127, 0x80).Add("w.weight_scale", [2L, 1], 0.5f, 2f).Add("w.weight_zero_point", "I8", [2, 1], 2, 0xFF)
            .Add("w.input_scale", [1L], 3f)
            .Json("config.json", """{"quantization_config": {"quant_method": "compressed-tensors", "format": "int-quantized"}}""").Save();

        (float[] values, string[] names) = folder.Load("w.weight");

        Assert.Equal([4f, -6, 256, -254], values);
        Assert.Equal(["w.weight"], names);
        Assert.Contains("quantised activations (w.input_scale", Assert.Single(folder.Notices), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Packed_int4_is_unpacked_by_group_in_the_order_of_its_columns(bool hasOrder)
    {
        int[] codes = [.. Enumerable.Range(0, 16).Select(i => ((i * 7) + 3) % 16)]; // [2, 8], lifted by 8
        int[] groups = hasOrder ? [1, 0, 1, 0, 0, 1, 0, 1] : [0, 0, 0, 0, 1, 1, 1, 1];
        float[] scales = [0.5f, 2, 4, 0.25f]; // [2, 2]
        int[] zeros = [9, 7, 8, 10]; // [2, 2], lifted by 8
        using CheckpointFolder folder = new();
        folder.Add("w.weight_packed", [2L, 1], Word(codes[..8]), Word(codes[8..])).Add("w.weight_scale", [2L, 2], scales)
            .Add("w.weight_shape", "I64", [2], [2, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0])
            .Add("w.weight_zero_point", [1L, 2], zeros[0] | (zeros[2] << 4), zeros[1] | (zeros[3] << 4));
        if (hasOrder)
        {
            folder.Add("w.weight_g_idx", [8L], groups);
        }

        folder.Json("config.json", """{"quantization_config": {"quant_method": "compressed-tensors", "format": "pack-quantized"}}""").Save();

        (float[] values, string[] names) = folder.Load("w.weight");

        Assert.Equal(
            Enumerable.Range(0, 16).Select(i => (codes[i] - zeros[(i / 8 * 2) + groups[i % 8]]) * scales[(i / 8 * 2) + groups[i % 8]]), values);
        Assert.Equal(["w.weight"], names);
    }

    [Theory]
    [InlineData("gptq", 1)]
    [InlineData("gptq_v2", 0)]
    public void GPTQ_is_unpacked_with_the_group_of_every_input(string format, int lessOne)
    {
        const int Inputs = 16, Outputs = 8;
        int[,] codes = new int[Inputs, Outputs];
        int[] zeros = [.. Enumerable.Range(0, 2 * Outputs).Select(i => 1 + (i % 15))], order = [.. Enumerable.Range(0, Inputs).Select(i => (i * 3) % 2)];
        float[] scales = [.. Enumerable.Range(0, 2 * Outputs).Select(i => 0.25f * (1 + i))];
        for (int i = 0; i < Inputs * Outputs; i++)
        {
            codes[i / Outputs, i % Outputs] = ((i * 5) + 2) % 16;
        }

        using CheckpointFolder folder = new();
        folder.Add(
                "w.qweight", [2L, Outputs],
                [.. Enumerable.Range(0, 2 * Outputs).Select(i => Word([.. Enumerable.Range(0, 8).Select(k => codes[(i / Outputs * 8) + k, i % Outputs])]))])
            .Add("w.qzeros", [2L, 1], [.. zeros.Select(zero => zero - lessOne).Chunk(8).Select(Word)])
            .Halves("w.scales", [2L, Outputs], scales).Add("w.g_idx", [Inputs], order)
            .Json("config.json", $$$"""{"quantization_config": {"quant_method": "gptq", "bits": 4, "checkpoint_format": "{{{format}}}"}}""").Save();

        (float[] values, string[] names) = folder.Load("w.weight");

        Assert.Equal(
            from o in Enumerable.Range(0, Outputs)
            from i in Enumerable.Range(0, Inputs)
            let at = (order[i] * Outputs) + o
            select (codes[i, o] - zeros[at]) * scales[at],
            values);
        Assert.Equal(["w.weight"], names);
    }

    [Fact]
    public void AWQ_is_unpacked_from_its_interleaved_words()
    {
        const int Inputs = 4, Outputs = 16;
        int[] order = [0, 2, 4, 6, 1, 3, 5, 7]; // which output the k-th lowest code of a word is
        int[] codes = [.. Enumerable.Range(0, Inputs * Outputs).Select(i => ((i * 11) + 1) % 16)];
        int[] zeros = [.. Enumerable.Range(0, 2 * Outputs).Select(i => i % 16)];
        float[] scales = [.. Enumerable.Range(0, 2 * Outputs).Select(i => 0.5f * (1 + i))];
        int[] Packed(int[] rows) => [.. rows.Chunk(8).Select(eight => Word([.. order.Select(place => eight[place])]))];
        using CheckpointFolder folder = new();
        folder.Add("w.qweight", [Inputs, 2L], Packed(codes)).Add("w.qzeros", [2L, 2], Packed(zeros)).Halves("w.scales", [2L, Outputs], scales)
            .Json("config.json", """{"quantization_config": {"quant_method": "awq", "bits": 4, "group_size": 2, "version": "gemm"}}""").Save();

        Assert.Equal(
            from o in Enumerable.Range(0, Outputs)
            from i in Enumerable.Range(0, Inputs)
            let at = (i / 2 * Outputs) + o
            select (codes[(i * Outputs) + o] - zeros[at]) * scales[at],
            folder.Load("w.weight").Values);
    }

    [Fact]
    public void Bitsandbytes_in_eight_bits_is_scaled_by_row()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "I8", [2, 2], 127, 0x81, 64, 0).Add("w.SCB", [2L], 2f, 12.7f).Add("w.weight_format", "U8", [], 0)
            .Json("config.json", """{"quantization_config": {"quant_method": "bitsandbytes", "load_in_8bit": true}}""").Save();

        (float[] values, string[] names) = folder.Load("w.weight");

        Assert.Equal([2f, -2, 64 * 12.7f / 127, 0], values, (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(["w.weight"], names);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Bitsandbytes_in_four_bits_is_looked_up_and_scaled_by_block(bool nested)
    {
        float[] table = [.. Enumerable.Range(0, 16).Select(i => (i - 8) / 8f)];
        byte[] codes = [0x1F, 0x28, 0x97, 0x0A]; // high one first: 1, 15, 2, 8, 9, 7, 0, 10
        byte[] state = Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            ["quant_type"] = "nf4",
            ["blocksize"] = 4,
            ["shape"] = new[] { 2, 4 },
            ["dtype"] = "bfloat16",
        }.Concat(nested ? new Dictionary<string, object> { ["nested_blocksize"] = 2, ["nested_offset"] = 0.5 } : []).ToDictionary()));
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "U8", [4, 1], codes).Add("w.weight.quant_map", [16L], table)
            .Add("w.weight.quant_state.bitsandbytes__nf4", "U8", [state.Length], state)
            .Json("config.json", """{"quantization_config": {"quant_method": "bitsandbytes", "load_in_4bit": true}}""");
        if (nested)
        {
            folder.Add("w.weight.absmax", "U8", [2], 3, 1).Add("w.weight.nested_quant_map", [256L], [.. Enumerable.Range(0, 256).Select(i => (float)i)])
                .Add("w.weight.nested_absmax", [1L], 2f);
        }
        else
        {
            folder.Add("w.weight.absmax", [2L], 6.5f, 2.5f);
        }

        folder.Save();

        (float[] values, string[] names) = folder.Load("w.weight");

        Assert.Equal(
            new[] { 1, 15, 2, 8, 9, 7, 0, 10 }.Select((code, i) => table[code] * (i < 4 ? 6.5f : 2.5f)), values);
        Assert.Equal(["w.weight"], names);
    }

    [Theory]
    [InlineData("aqlm", """{"quant_method": "aqlm"}""")]
    [InlineData("gptq' with 3 bits", """{"quant_method": "gptq", "bits": 3}""")]
    [InlineData("awq' in version 'gemv'", """{"quant_method": "awq", "bits": 4, "version": "gemv"}""")]
    [InlineData("format 'nvfp4-pack-quantized'", """{"quant_method": "compressed-tensors", "format": "nvfp4-pack-quantized"}""")]
    [InlineData("sparse weights ('sparse-24-bitmask')", """{"quant_method": "compressed-tensors", "sparsity_config": {"format": "sparse-24-bitmask"}}""")]
    public void A_method_that_is_not_supported_is_refused_by_its_name(string says, string settings)
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", [1L], 1f).Json("config.json", $$$"""{"text_config": {"quantization_config": {{{settings}}}}}""").Save();

        string message = folder.Refused();

        Assert.Contains(says, message, StringComparison.Ordinal);
        Assert.Contains("quant_method", message, StringComparison.Ordinal);
        Assert.Contains("config.json", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("U8", new byte[] { 1, 2 }, "stored as U8 beside the scale")]
    [InlineData("BF16", new byte[] { 0, 0, 0, 0 }, "stored as BF16 beside the scale")]
    public void Codes_of_an_unknown_kind_are_refused(string type, byte[] bytes, string says)
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", type, [1, 2], bytes).Add("w.weight_scale", [1L], 1f).Json("config.json", "{}").Save();

        Assert.Contains(says, folder.Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void FP8_without_a_scale_is_refused_where_the_configuration_promises_one_and_read_where_it_does_not()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", "F8_E4M3", [2, 3], _codes).Json("config.json", """{"quantization_config": {"quant_method": "fp8"}}""").Save();
        Assert.Contains("w.weight has no scale", folder.Refused(), StringComparison.Ordinal);

        folder.Json("config.json", "{}");
        Assert.Equal(_values, folder.Load("w.weight").Values);
    }

    [Fact]
    public void Words_of_an_unnamed_method_are_refused()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.qweight", [1L, 8], new int[8]).Add("w.qzeros", [1L, 1], 0).Halves("w.scales", [1L, 8], new float[8]).Json("config.json", "{}").Save();

        Assert.Contains("no quantization_config says which", folder.Refused(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_checkpoint_that_calls_itself_quantised_and_is_not_is_told()
    {
        using CheckpointFolder folder = new();
        folder.Add("w.weight", [1L], 3f).Json("config.json", """{"quantization_config": {"quant_method": "bitsandbytes"}}""").Save();

        Assert.Equal([3f], folder.Load("w.weight").Values);
        Assert.Contains("'bitsandbytes' is named, but the weights are not quantised", Assert.Single(folder.Notices), StringComparison.Ordinal);
    }

    // Eight codes in a word, the first in the lowest bits.
    private static int Word(int[] codes) => codes.Select((code, i) => code << (4 * i)).Aggregate(0, (word, bits) => word | bits);
}
