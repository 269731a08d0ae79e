using System.Text.Json;
using Aperture.Models;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>bitsandbytes in eight bits: codes with one scale a row, which is 127 times too large.</summary>
/// <param name="shape">Sizes of the weight <c>[out, in]</c>.</param>
/// <param name="name">The weight's name.</param>
/// <param name="scale">Name of the scales.</param>
internal sealed class BitsAndBytesRows(long[] shape, string name, string scale) : QuantizedTensor(shape)
{
    private const float Range = 127;

    public override IReadOnlyList<string> Parts => [name, scale];

    public override Tensor Load(IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor scales = source.Load(scale).to_type(ScalarType.Float32).view(-1, 1); // [out] -> [out, 1]
        return source.Load(name).to_type(ScalarType.Float32).mul_(scales).div_(Range).MoveToOuterDisposeScope();
    }
}

/// <summary>
/// bitsandbytes in four bits (nf4, fp4): two codes a byte, the high one first, into a table of sixteen numbers, scaled by block; the scales may be codes
/// themselves.
/// </summary>
internal sealed class BitsAndBytesBlocks : QuantizedTensor
{
    private readonly string _name;
    private readonly int _block, _nestedBlock;
    private readonly double? _offset;

    private BitsAndBytesBlocks(string name, long[] shape, int block, int nestedBlock, double? offset)
        : base(shape) => (_name, _block, _nestedBlock, _offset) = (name, block, nestedBlock, offset);

    public override IReadOnlyList<string> Parts =>
        [_name, _name + ".absmax", _name + ".quant_map", .. _offset is null ? Array.Empty<string>() : [_name + ".nested_absmax", _name + ".nested_quant_map"]];

    /// <summary>Reads what the state beside the codes says.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="name">The weight's name.</param>
    /// <param name="state">Name of the state.</param>
    /// <exception cref="ApertureException">The state is no description of such a weight.</exception>
    public static BitsAndBytesBlocks Read(IWeightSource source, string name, string state)
    {
        using Tensor bytes = source.Load(state);
        using JsonDocument json = Parse(bytes, state);
        ConfigReader read = new(json.RootElement, state);
        long[] shape = json.RootElement.ValueKind == JsonValueKind.Object && json.RootElement.TryGetProperty("shape", out JsonElement sizes)
            && sizes.ValueKind == JsonValueKind.Array && sizes.EnumerateArray().All(size => size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out _))
            ? [.. sizes.EnumerateArray().Select(size => size.GetInt64())]
            : [];
        long[] stored = source.Describe(name).Shape;
        if (shape.Length == 0 || Array.Exists(shape, size => size is < 1 or > int.MaxValue)
            || shape.Aggregate((UInt128)1, (all, size) => all * (ulong)size) != 2 * stored.Aggregate((UInt128)1, (all, size) => all * (ulong)size))
        {
            throw new ApertureException(
                $"{state} says shape [{string.Join(", ", shape)}], but {name} has [{string.Join(", ", stored)}] bytes of two codes each; fetch the checkpoint "
                + "again.");
        }

        double? offset = read.Has("nested_offset") ? read.Number("nested_offset", 0) : null;
        return new BitsAndBytesBlocks(name, shape, read.Size("blocksize", 64), read.Size("nested_blocksize", 256), offset);
    }

    public override Tensor Load(IWeightSource source)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor bytes = source.Load(_name).reshape(-1).to_type(ScalarType.Int64);
        Tensor codes = stack([bytes.div(16, RoundingMode.floor).to_type(ScalarType.Int64), bytes.remainder(16)], 1).reshape(-1); // [bytes, 2] -> [codes]
        Tensor numbers = source.Load(_name + ".quant_map").to_type(ScalarType.Float32).index_select(0, codes);
        Tensor scales = Scales(source).repeat_interleave(_block).narrow(0, 0, codes.numel()); // [blocks] -> [codes]
        return numbers.mul_(scales).reshape(Shape).MoveToOuterDisposeScope();
    }

    private Tensor Scales(IWeightSource source)
    {
        Tensor stored = source.Load(_name + ".absmax").reshape(-1);
        if (_offset is not { } offset)
        {
            return stored.to_type(ScalarType.Float32);
        }

        Tensor values = source.Load(_name + ".nested_quant_map").to_type(ScalarType.Float32).index_select(0, stored.to_type(ScalarType.Int64));
        Tensor outer = source.Load(_name + ".nested_absmax").to_type(ScalarType.Float32).repeat_interleave(_nestedBlock).narrow(0, 0, stored.numel());
        return values.mul_(outer).add_((float)offset);
    }

    private static JsonDocument Parse(Tensor bytes, string state)
    {
        try
        {
            using Tensor flat = bytes.to_type(ScalarType.Byte).contiguous();
            return JsonDocument.Parse(flat.data<byte>().ToArray());
        }
        catch (JsonException error)
        {
            throw new ApertureException($"{state} is no JSON; fetch the checkpoint again.", error);
        }
    }
}
