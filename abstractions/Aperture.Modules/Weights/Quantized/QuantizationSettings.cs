using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Weights;

/// <summary>What a checkpoint says about how its weights are quantised.</summary>
internal sealed record QuantizationSettings
{
    private static readonly string[] _known = ["fp8", "fbgemm_fp8", "compressed-tensors", "compressed_tensors", "bitsandbytes", "awq", "gptq", "modelopt"];
    private static readonly string[] _otherFormats = ["nvfp4", "mxfp4", "marlin", "sparse"]; // beginnings of formats of compressed-tensors

    /// <summary>The <c>quant_method</c>.</summary>
    public required string Method { get; init; }

    /// <summary>Where it stands, for messages.</summary>
    public required string Where { get; init; }

    /// <summary>Bits of a code; 0 where it is not said.</summary>
    public int Bits { get; init; }

    /// <summary>Inputs of a group; below 1 for all of them.</summary>
    public int GroupSize { get; init; } = -1;

    /// <summary>GPTQ: whether zero points are stored less one, as the first version of its format does.</summary>
    public bool ZeroPointsLessOne { get; init; } = true;

    /// <summary>Rows and columns of a block; null where it is not said.</summary>
    public (long Rows, long Columns)? Block { get; init; }

    /// <summary>
    /// The format that <c>aperture quantize</c> wrote the checkpoint for, in which it opens unless another is asked for; null where others wrote it.
    /// </summary>
    public WeightFormat? WrittenFor { get; init; }

    /// <summary>The key that names <see cref="WrittenFor"/>; others pass over it.</summary>
    internal const string WrittenForKey = "aperture_weights";

    /// <summary>Reads what a checkpoint's folder says.</summary>
    /// <param name="folder">The folder.</param>
    /// <returns>The settings; null for a checkpoint that does not call itself quantised.</returns>
    /// <exception cref="ApertureException">The method, or a setting of it, is one that is not supported; the line names it.</exception>
    public static QuantizationSettings? Read(ModelFolder folder)
    {
        if (folder.Config is { ValueKind: JsonValueKind.Object } root)
        {
            ConfigReader config = new(root, folder.At(ModelFolder.ConfigFile));
            foreach (ConfigReader place in (ConfigReader[])[config, config.Has("text_config") ? config.Child("text_config") : config])
            {
                foreach (string key in (string[])["quantization_config", "compression_config"])
                {
                    if (place.Has(key))
                    {
                        return Read(place.Child(key), null);
                    }
                }
            }
        }

        return folder.Has("quantize_config.json") ? Read(Reader(folder, "quantize_config.json"), "gptq")
            : folder.Has("quant_config.json") ? Read(Reader(folder, "quant_config.json"), "awq")
            : folder.Has("hf_quant_config.json") ? Read(Reader(folder, "hf_quant_config.json"), "modelopt")
            : null;
    }

    private static ConfigReader Reader(ModelFolder folder, string file) => new(folder.Json(file), folder.At(file));

    private static QuantizationSettings Read(ConfigReader config, string? fallback)
    {
        string? method = config.Text("quant_method", fallback ?? Guess(config));
        if (method is null || !_known.Contains(method))
        {
            throw Refused(method ?? "(none)", "is not one of " + string.Join(", ", _known), config.Where);
        }

        string format = config.Text("format", "")!, version = config.Text("version", "gemm")!;
        if (Array.Exists(_otherFormats, other => format.StartsWith(other, StringComparison.Ordinal)))
        {
            throw Refused(method, $"with format '{format}' is not supported", config.Where);
        }

        if (config.Has("sparsity_config") && config.Child("sparsity_config").Text("format", "dense") is not "dense" and { } sparse)
        {
            throw Refused(method, $"with sparse weights ('{sparse}') is not supported", config.Where);
        }

        if (method == "awq" && !version.Equals("gemm", StringComparison.OrdinalIgnoreCase))
        {
            throw Refused(method, $"in version '{version}' is not supported, only gemm", config.Where);
        }

        int bits = config.Integer("bits", config.Integer("w_bit", method == "awq" ? AwqTensor.Bits : GroupBits(config)));
        if ((method == "awq" && bits != AwqTensor.Bits) || (method == "gptq" && bits is not (2 or 4 or 8)))
        {
            throw Refused(method, $"with {bits} bits is not supported, only {(method == "awq" ? "4" : "2, 4 and 8")}", config.Where);
        }

        return new QuantizationSettings
        {
            Method = method,
            Where = config.Where,
            Bits = bits,
            GroupSize = config.Integer("group_size", config.Integer("q_group_size", -1)),
            ZeroPointsLessOne = config.Text("checkpoint_format", "gptq") != "gptq_v2",
            Block = Blocks(config),
            WrittenFor = Written(config),
        };
    }

    private static WeightFormat? Written(ConfigReader config) => config.Text(WrittenForKey, null) switch
    {
        null => null,
        WeightFormats.Int8 => WeightFormat.Int8,
        WeightFormats.Int4 => WeightFormat.Int4,
        _ => throw config.Bad(WrittenForKey, config.Root.GetProperty(WrittenForKey), "int8 or int4"),
    };

    private static string? Guess(ConfigReader config)
        => config.Has("load_in_4bit") || config.Has("load_in_8bit") ? "bitsandbytes" : config.Has("config_groups") ? "compressed-tensors" : null;

    // weight_block_size of fp8, block_structure of compressed-tensors' groups.
    private static (long Rows, long Columns)? Blocks(ConfigReader config)
    {
        if (config.Has("weight_block_size"))
        {
            return Pair(config, "weight_block_size");
        }

        if (!config.Has("config_groups"))
        {
            return null;
        }

        ConfigReader groups = config.Child("config_groups");
        foreach (JsonProperty group in groups.Root.EnumerateObject())
        {
            ConfigReader weights = groups.Child(group.Name).Child("weights");
            if (weights.Has("block_structure"))
            {
                return Pair(weights, "block_structure");
            }
        }

        return null;
    }

    // Bits of compressed-tensors' weights; 0 where its groups differ or say none.
    private static int GroupBits(ConfigReader config)
    {
        if (!config.Has("config_groups"))
        {
            return 0;
        }

        ConfigReader groups = config.Child("config_groups");
        int[] bits = [.. groups.Root.EnumerateObject().Select(group => groups.Child(group.Name).Child("weights").Integer("num_bits", 0)).Distinct()];
        return bits.Length == 1 ? bits[0] : 0;
    }

    private static (long Rows, long Columns) Pair(ConfigReader config, string key)
    {
        JsonElement value = config.Root.GetProperty(key);
        int[] sizes = value.ValueKind == JsonValueKind.Array
            ? [.. value.EnumerateArray().Select(size => size.ValueKind == JsonValueKind.Number && size.TryGetInt32(out int number) ? number : 0)]
            : [];
        return sizes.Length == 2 && !Array.Exists(sizes, size => size < 1) ? (sizes[0], sizes[1]) : throw config.Bad(key, value, "two sizes above 0");
    }

    private static ApertureException Refused(string method, string why, string where)
        => new($"{where}: the weights are quantised; quant_method '{method}' {why}; take the checkpoint that is not quantised.");
}
