using static TorchSharp.torch;

namespace Aperture.Weights;

/// <summary>Which tensors of a checkpoint are codes, and which belong to them, from their names.</summary>
internal sealed class QuantizedNames
{
    private const string Weight = ".weight", State = ".quant_state.";

    private static readonly string[] _scales = [".weight_scale", ".weight_scale_inv", ".scale_weight"];

    // What engines that quantise activations or their caches need, and this one does not.
    private static readonly string[] _activations =
    [
        ".input_scale", ".input_zero_point", ".activation_scale", ".scale_input", ".output_scale", ".k_scale", ".v_scale", ".q_scale", ".input_scale_ub",
        "scaled_fp8",
    ];

    private readonly IWeightSource _source;
    private readonly QuantizationSettings? _settings;
    private readonly string _where;
    private readonly Lazy<List<string>> _scaleNames;

    private QuantizedNames(IWeightSource source, QuantizationSettings? settings, string where)
    {
        (_source, _settings, _where) = (source, settings, where);
        _scaleNames = new(() => [.. source.Names.Where(name => name.Contains("scale", StringComparison.OrdinalIgnoreCase))]);
    }

    private List<string> ScaleNames => _scaleNames.Value;

    /// <summary>The weights that are stored as codes, by the names they have as numbers.</summary>
    public Dictionary<string, QuantizedTensor> Tensors { get; } = new(StringComparer.Ordinal);

    /// <summary>Names that are no weights.</summary>
    public HashSet<string> Hidden { get; } = new(StringComparer.Ordinal);

    /// <summary>A tensor that only engines with quantised activations need; null where there is none.</summary>
    public string? Activations { get; private set; }

    /// <summary>Looks through a checkpoint.</summary>
    /// <param name="source">The checkpoint.</param>
    /// <param name="settings">What its configuration says; null where it says nothing.</param>
    /// <param name="where">Its folder, for messages.</param>
    /// <exception cref="ApertureException">Codes lack what turns them into numbers, or it is not said how they do.</exception>
    public static QuantizedNames Find(IWeightSource source, QuantizationSettings? settings, string where)
    {
        QuantizedNames names = new(source, settings, where);
        foreach (string name in source.Names)
        {
            names.Look(name);
        }

        if (names.Tensors.Count > 0)
        {
            names.Hide();
        }

        return names;
    }

    private void Look(string name)
    {
        if (name.EndsWith(Weight, StringComparison.Ordinal))
        {
            Stored(name, name[..^Weight.Length]);
        }
        else if (name.EndsWith(".weight_packed", StringComparison.Ordinal))
        {
            Packed(name[..^"_packed".Length]);
        }
        else if (name.EndsWith(".qweight", StringComparison.Ordinal))
        {
            Grouped(name[..^"qweight".Length]);
        }
    }

    private void Stored(string name, string module)
    {
        WeightInfo info = _source.Describe(name);
        if (_source.Contains(name + ".absmax")
            && _source.Names.FirstOrDefault(other => other.StartsWith(name + State, StringComparison.Ordinal)) is { } state)
        {
            Add(name, BitsAndBytesBlocks.Read(_source, name, state), [state]);
        }
        else if (_source.Contains(module + ".SCB"))
        {
            Add(name, new BitsAndBytesRows(info.Shape, name, module + ".SCB"), [module + ".weight_format"]);
        }
        else if (Array.Find(_scales, scale => _source.Contains(module + scale)) is { } scale)
        {
            Scaled(name, module, module + scale, info);
        }
        else if (info.StoredType.StartsWith("F8_", StringComparison.Ordinal) && _settings is { } said)
        {
            throw new ApertureException(
                $"{said.Where}: quant_method '{said.Method}', but {name} has no scale beside its codes ({module}{_scales[0]}); fetch the checkpoint again.");
        }
        else if (info.StoredType.StartsWith("F8_", StringComparison.Ordinal) && UnknownScale(module) is { } unknown)
        {
            throw new ApertureException(
                $"{name} is stored as {info.StoredType}, and '{unknown}' beside it is no scale that is known ({string.Join(", ", _scales)}); take the "
                + "checkpoint that is not quantised.");
        }
    }

    // Eight bits without any scale are numbers; with one of an unknown name it is not known what they are.
    private string? UnknownScale(string module)
        => ScaleNames.Find(name => name.StartsWith(module + ".", StringComparison.Ordinal) && !Array.Exists(_activations, name.EndsWith));

    private void Scaled(string name, string module, string scale, WeightInfo info)
    {
        if (info.Shape.Length != 2)
        {
            throw new ApertureException($"{name} has {info.Shape.Length} dimensions and the scale {scale}; scaled codes are supported for matrices alone.");
        }

        if (!info.StoredType.StartsWith("F8_", StringComparison.Ordinal) && info.ScalarType != ScalarType.Int8)
        {
            throw new ApertureException(
                $"{name} is stored as {info.StoredType} beside the scale {scale}{Method()}; F8 and int8 codes are supported; take the checkpoint that is not "
                + "quantised.");
        }

        if (!IsFloat(_source.Describe(scale).ScalarType))
        {
            throw new ApertureException(
                $"{scale} is stored as {_source.Describe(scale).StoredType}, which is no scale{Method()}; take the checkpoint that is not quantised.");
        }

        string zero = module + ".weight_zero_point";
        Add(name, new ScaledTensor(info.Shape, name, scale, _source.Contains(zero) ? zero : null, _settings?.Block), []);
    }

    private void Packed(string name)
    {
        long[] words = _source.Describe(name + "_packed").Shape;
        using Tensor? stored = _source.Contains(name + "_shape") ? _source.Load(name + "_shape") : null;
        using Tensor? sizes = stored?.to_type(ScalarType.Int64);
        long[] shape = sizes is null ? [] : sizes.data<long>().ToArray();
        int bits = shape.Length == 2 && words.Length == 2 && words[0] == shape[0] && _source.Contains(name + "_scale")
            ? Array.Find((int[])[4, 8, 2], bits => (shape[1] + PackedCodes.PerWord(bits) - 1) / PackedCodes.PerWord(bits) == words[1] && IsSaid(bits))
            : 0;
        if (bits == 0 || _source.Describe(name + "_packed").ScalarType != ScalarType.Int32)
        {
            throw new ApertureException(
                $"{name}_packed has shape [{string.Join(", ", words)}] and stands for [{string.Join(", ", shape)}]{Method()}; codes of 2, 4 and 8 bits in "
                + "32-bit words are supported; take the checkpoint that is not quantised.");
        }

        Add(
            name, new PackedTensor(shape, name, bits, _source.Contains(name + "_zero_point"), _source.Contains(name + "_g_idx")),
            [name + "_shape"]);
    }

    // Rows too short to tell fit several widths.
    private bool IsSaid(int bits) => _settings is not { Bits: > 0 and int said } || said == bits;

    private void Grouped(string module)
    {
        if (_settings?.Method is not ("awq" or "gptq") || !_source.Contains(module + "qzeros") || !_source.Contains(module + "scales"))
        {
            string why = _settings is null ? "no quantization_config says which" : "what belongs to them is not there";
            throw new ApertureException(
                $"{module}qweight holds codes of AWQ or GPTQ{Method()}, but {why}; take the checkpoint that is not quantised.");
        }

        long[] words = _source.Describe(module + "qweight").Shape, scales = _source.Describe(module + "scales").Shape;
        if (words.Length != 2 || scales.Length != 2)
        {
            throw new ApertureException($"{module}qweight and scales have no two dimensions; fetch the checkpoint again.");
        }

        bool isAwq = _settings.Method == "awq";
        long outputs = scales[1], inputs = isAwq ? words[0] : words[0] * PackedCodes.PerWord(_settings.Bits);
        long expected = isAwq ? outputs / PackedCodes.PerWord(AwqTensor.Bits) : outputs;
        bool hasOrder = _source.Contains(module + "g_idx");
        if (words[1] != expected || inputs % scales[0] != 0 || (!isAwq && !hasOrder && inputs != scales[0] * Group(inputs)))
        {
            throw new ApertureException(
                $"{module}qweight has shape [{string.Join(", ", words)}] and its scales [{string.Join(", ", scales)}], which do not belong together{Method()}; "
                + "fetch the checkpoint again.");
        }

        Add(
            module + "weight",
            isAwq
                ? new AwqTensor([outputs, inputs], module)
                : new GptqTensor([outputs, inputs], module, _settings.Bits, _settings.ZeroPointsLessOne, hasOrder ? null : Group(inputs)),
            []);
    }

    private long Group(long inputs) => _settings!.GroupSize < 1 ? inputs : _settings.GroupSize;

    private void Add(string name, QuantizedTensor tensor, string[] beside)
    {
        Tensors[name] = tensor;
        Hidden.UnionWith(tensor.Parts);
        Hidden.UnionWith(beside);
    }

    private void Hide()
    {
        foreach (string name in _source.Names.Where(name => Array.Exists(_activations, ending => name.EndsWith(ending, StringComparison.Ordinal))))
        {
            Hidden.Add(name);
            Activations ??= name;
        }
    }

    private string Method() => _settings is null ? "" : $" (quant_method '{_settings.Method}' in {_settings.Where})";

    private static bool IsFloat(ScalarType type) => type is ScalarType.Float32 or ScalarType.Float16 or ScalarType.BFloat16 or ScalarType.Float64;
}
