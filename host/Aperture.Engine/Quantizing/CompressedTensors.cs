using System.Text.Json.Nodes;
using Aperture.Decoding;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Quantizing;

/// <summary>
/// compressed-tensors' layout of quantised matrices: <c>int-quantized</c> with a scale for each output, <c>pack-quantized</c> with a scale and a zero for each
/// group. What is in it is exactly what the kernels compute with, see docs/weights.md.
/// </summary>
internal static class CompressedTensors
{
    /// <summary>The smallest number of inputs that share a scale and a zero.</summary>
    public const int SmallestGroup = 32;

    private const string Weight = ".weight";
    private const int CodesPerWord = 8;
    private const int Bits = 4;

    /// <summary>Whether the layout takes a matrix: any in eight bits, in four those whose width is a multiple of the group.</summary>
    public static bool Takes(QuantizeOptions options, string name, int inputs)
        => name.EndsWith(Weight, StringComparison.Ordinal) && (options.Format == WeightFormat.Int8 || (inputs > 0 && inputs % options.Group == 0));

    /// <summary>The tensors that a matrix becomes.</summary>
    public static IEnumerable<TensorLayout> Layout(QuantizeOptions options, string name, int outputs, int inputs)
    {
        if (options.Format == WeightFormat.Int8)
        {
            return [new(name, ScalarType.Int8, [outputs, inputs]), new(name + "_scale", ScalarType.Float32, [outputs, 1])];
        }

        int groups = inputs / options.Group;
        return
        [
            new(name + "_packed", ScalarType.Int32, [outputs, inputs / CodesPerWord]),
            new(name + "_scale", ScalarType.Float32, [outputs, groups]),
            new(name + "_zero_point", ScalarType.Int32, [(outputs + CodesPerWord - 1) / CodesPerWord, groups]),
            new(name + "_shape", ScalarType.Int64, [2]),
        ];
    }

    /// <summary>Writes a matrix in eight bits.</summary>
    public static void Write(ShardedSafetensorsWriter writer, string name, Int8Matrix matrix)
    {
        using Tensor scales = matrix.Scales.unsqueeze(1); // [out] -> [out, 1]
        writer.Write(name, matrix.Codes);
        writer.Write(name + "_scale", scales);
    }

    /// <summary>Writes a matrix in four bits.</summary>
    public static void Write(ShardedSafetensorsWriter writer, string name, Int4Matrix matrix, int group)
    {
        using Int4Codes stored = matrix.Stored(group / SmallestGroup);
        using Tensor zeros = Packed(stored.Zeros), shape = tensor(new long[] { matrix.Outputs, matrix.Inputs });
        writer.Write(name + "_packed", stored.Words);
        writer.Write(name + "_scale", stored.Scales);
        writer.Write(name + "_zero_point", zeros);
        writer.Write(name + "_shape", shape);
    }

    /// <summary>What config.json says of it.</summary>
    /// <param name="options">How the matrices are quantised.</param>
    /// <param name="ignored">Names of modules with a matrix that are not, without <c>.weight</c>.</param>
    public static JsonObject Config(QuantizeOptions options, IEnumerable<string> ignored)
    {
        bool isEight = options.Format == WeightFormat.Int8;
        string format = isEight ? "int-quantized" : "pack-quantized";
        JsonObject weights = isEight ? Arguments(8, "channel") : Arguments(Bits, "group");
        if (!isEight)
        {
            (weights["symmetric"], weights["group_size"]) = (false, options.Group);
        }

        // Rows are quantised as they come beside eight bits. Readers of four bits know no rows in few bits beside zeros, and keep them whole.
        JsonObject? activations = isEight ? Arguments(8, "token") : null;
        if (activations is not null)
        {
            activations["dynamic"] = true;
        }

        return new JsonObject
        {
            ["quant_method"] = "compressed-tensors",
            ["format"] = format,
            ["quantization_status"] = "compressed",
            ["config_groups"] = new JsonObject
            {
                ["group_0"] = new JsonObject
                {
                    ["targets"] = new JsonArray("Linear"),
                    ["weights"] = weights,
                    ["input_activations"] = activations,
                    ["output_activations"] = null,
                    ["format"] = format,
                },
            },
            ["ignore"] = new JsonArray([.. ignored.Select(name => (JsonNode)name)]),
            [QuantizationSettings.WrittenForKey] = options.Format.ToString().ToLowerInvariant(),
        };
    }

    private static JsonObject Arguments(int bits, string strategy)
        => new() { ["num_bits"] = bits, ["type"] = "int", ["symmetric"] = true, ["strategy"] = strategy, ["dynamic"] = false };

    // Eight zeros a word down the columns, the lowest bits first.
    private static Tensor Packed(Tensor zeros)
    {
        using DisposeScope scope = NewDisposeScope();
        long rows = zeros.size(0), words = (rows + CodesPerWord - 1) / CodesPerWord;
        Tensor wide = torch.zeros(words * CodesPerWord, zeros.size(1), dtype: ScalarType.Int32);
        wide.narrow(0, 0, rows).copy_(zeros);
        Tensor each = wide.view(words, CodesPerWord, -1), packed = torch.zeros(words, zeros.size(1), dtype: ScalarType.Int32); // -> [words, 8, groups]
        for (int i = 0; i < CodesPerWord; i++)
        {
            packed.bitwise_or_(each.select(1, i).bitwise_left_shift(tensor(i * Bits)));
        }

        return packed.MoveToOuterDisposeScope(); // -> [words, groups]
    }
}
