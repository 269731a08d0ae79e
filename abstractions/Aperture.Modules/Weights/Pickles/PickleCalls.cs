using System.Collections.Frozen;
using System.Numerics;

namespace Aperture.Weights;

/// <summary>
/// The closed list of names a checkpoint may use and what a call of them means. Names outside the list are refused, or where the reader is lenient kept as
/// <see cref="PickledObject"/> values; in neither case does anything run.
/// </summary>
internal sealed class PickleCalls(PickleReader reader, bool lenient, bool isNested = false)
{
    private const int MaxNestedCalls = 16;

    private static readonly FrozenDictionary<string, Func<PickleCalls, PickledSequence, object?>> _known
        = new Dictionary<string, Func<PickleCalls, PickledSequence, object?>>
        {
            ["collections.OrderedDict"] = (calls, arguments) => calls.Dictionary("OrderedDict", arguments),
            ["collections.Counter"] = (calls, arguments) => calls.Dictionary("Counter", arguments),
            ["collections.defaultdict"]
                = (calls, arguments) => calls.Dictionary("defaultdict", new PickledSequence(PickledSequenceKind.Tuple, arguments.Skip(1))),
            ["torch._utils._rebuild_tensor"] = (calls, arguments) => calls.Tensors.Tensor(arguments, typed: false),
            ["torch._utils._rebuild_tensor_v2"] = (calls, arguments) => calls.Tensors.Tensor(arguments, typed: false),
            ["torch._utils._rebuild_tensor_v3"] = (calls, arguments) => calls.Tensors.Tensor(arguments, typed: true),
            ["torch._utils._rebuild_parameter"] = (calls, arguments) => calls.Tensors.Parameter(arguments),
            ["torch._utils._rebuild_parameter_with_state"] = (calls, arguments) => calls.Tensors.Parameter(arguments),
            ["torch.nn.parameter.Parameter"] = (calls, arguments) => calls.Tensors.Parameter(arguments),
            ["torch.storage._load_from_bytes"] = (calls, arguments) => calls.Nested(arguments),
            ["torch.Size"] = (calls, arguments) => new PickledSequence(PickledSequenceKind.Size, calls.Items(arguments)),
            ["torch.device"] = (_, arguments) => new PickledObject("torch.device", arguments),
            ["torch.Tensor"] = (calls, _) => throw calls.Misused("torch.Tensor"),
            ["torch.serialization._get_layout"] = (calls, arguments) => calls.Text(arguments, 0),
            ["_codecs.encode"] = (calls, arguments) => calls.Latin1(arguments),
            ["builtins.set"] = (calls, arguments) => new PickledSequence(PickledSequenceKind.Set, calls.Items(arguments)),
            ["builtins.frozenset"] = (calls, arguments) => new PickledSequence(PickledSequenceKind.Set, calls.Items(arguments)),
            ["builtins.bytearray"] = (calls, arguments) => calls.ByteString(arguments),
            ["builtins.bytes"] = (calls, arguments) => calls.ByteString(arguments),
            ["builtins.complex"] = (calls, arguments) => calls.ComplexNumber(arguments),
            ["numpy.core.multiarray.scalar"] = (calls, arguments) => calls.Arrays.Scalar(arguments),
            ["numpy.core.multiarray._reconstruct"] = (_, _) => new PickledArray(),
            ["numpy.core.numeric._frombuffer"] = (calls, arguments) => calls.Arrays.FromBuffer(arguments),
            ["numpy.dtype"] = (calls, arguments) => new NumpyType(calls.Text(arguments, 0)),
            ["numpy.ndarray"] = (calls, _) => throw calls.Misused("numpy.ndarray"),
        }.ToFrozenDictionary(StringComparer.Ordinal);

    private TensorCalls? _tensors;
    private ArrayCalls? _arrays;

    /// <summary>The storages of files within the file that were read on the way, each with its place.</summary>
    public List<PickledStorage> NestedStorages { get; } = [];

    private TensorCalls Tensors => _tensors ??= new TensorCalls(reader);

    private ArrayCalls Arrays => _arrays ??= new ArrayCalls(reader, lenient);

    /// <summary>A name the pickle refers to. Strict reading refuses unknown ones here, before anything is made of them.</summary>
    public PickledName Name(string module, string name)
    {
        PickledName result = new(Canonical(module), name);
        if (!lenient && !IsKnown(result))
        {
            throw Refuse(result.FullName);
        }

        return result;
    }

    /// <summary>The value of a call, or of making an object of a class.</summary>
    public object? Call(object? callee, PickledSequence arguments)
    {
        // _rebuild_from_type_v2(function, type, arguments, state) wraps another call, for subclasses of tensors.
        for (int depth = 0; callee is PickledName { FullName: "torch._tensor._rebuild_from_type_v2" }; depth++)
        {
            if (depth == MaxNestedCalls || arguments.Count != 4 || arguments[2] is not PickledSequence { Kind: PickledSequenceKind.Tuple } inner)
            {
                throw Misused("torch._tensor._rebuild_from_type_v2");
            }

            callee = arguments[0];
            arguments = inner;
        }

        return callee is PickledName name && _known.TryGetValue(name.FullName, out Func<PickleCalls, PickledSequence, object?>? evaluate)
            ? evaluate(this, arguments)
            : Unknown(callee, arguments);
    }

    /// <summary>The value of a call that is not on the list.</summary>
    public PickledObject Unknown(object? callee, PickledSequence arguments)
    {
        string what = callee switch
        {
            PickledName name => name.FullName,
            PickledObject made => $"{made.ClassName}(…)",
            _ => throw reader.Damaged("it calls something that is no class or function"),
        };
        return lenient ? new PickledObject(what, arguments) : throw Refuse(what);
    }

    /// <summary>Gives a value its state.</summary>
    public void Build(object? target, object? state)
    {
        switch (target)
        {
            case PickledDictionary or PickledTensor:
                // OrderedDict carries _metadata (versions of modules), tensors carry attributes: neither is a weight.
                break;
            case PickledArray array:
                Arrays.Fill(array, state);
                break;
            case NumpyType type:
                type.IsBigEndian = state is PickledSequence { Count: > 1 } fields && fields[1] is ">";
                break;
            case PickledObject made:
                made.State = state;
                break;
            default:
                throw reader.Damaged("it gives a state to something that takes none");
        }
    }

    private static string Canonical(string module) => module switch
    {
        "__builtin__" => "builtins",
        "numpy._core.multiarray" => "numpy.core.multiarray",
        "numpy._core.numeric" => "numpy.core.numeric",
        _ => module,
    };

    private static bool IsKnown(PickledName name) =>
        _known.ContainsKey(name.FullName)
        || name.FullName == "torch._tensor._rebuild_from_type_v2"
        || TorchTypes.OfDtype(name) is not null
        || TorchTypes.OfStorage(name) is not null
        || name is { Module: "torch.storage", Name: "TypedStorage" }
        || name is { Module: "torch", Name: "strided" or "contiguous_format" or "preserve_format" or "channels_last" };

    private ApertureException Refuse(string name) =>
        reader.Refused(
            $"it names '{name}', which weights do not need, and nothing of which is run; save only the state dict (scripts may pass over such values with "
            + "WeightFileOptions.Lenient)");

    private ApertureException Misused(string name) => reader.Damaged($"it calls {name} with arguments that checkpoints do not use");

    private PickledDictionary Dictionary(string typeName, PickledSequence arguments)
    {
        PickledDictionary result = new(typeName);
        if (arguments.Count == 0)
        {
            return result;
        }

        switch (arguments[0])
        {
            case PickledDictionary entries:
                foreach ((object? key, object? value) in entries)
                {
                    result.Set(key, value);
                }

                break;
            case PickledSequence pairs when pairs.All(pair => pair is PickledSequence { Count: 2 }):
                foreach (PickledSequence pair in pairs.Cast<PickledSequence>())
                {
                    result.Set(pair[0], pair[1]);
                }

                break;
            default:
                throw Misused($"collections.{typeName}");
        }

        return result;
    }

    private IEnumerable<object?> Items(PickledSequence arguments)
        => arguments.Count == 0 ? [] : arguments[0] as PickledSequence ?? throw Misused("a collection");

    private string Text(PickledSequence arguments, int index) =>
        index < arguments.Count && arguments[index] is string text ? text : throw Misused("a function of a text");

    private PickledBytes Latin1(PickledSequence arguments)
    {
        string text = Text(arguments, 0);
        if (Text(arguments, 1) is not ("latin1" or "latin-1") || text.Any(letter => letter > 0xFF))
        {
            throw Misused("_codecs.encode");
        }

        return new PickledBytes(System.Text.Encoding.Latin1.GetBytes(text));
    }

    private PickledBytes ByteString(PickledSequence arguments) => arguments switch
    {
        [] => new PickledBytes([]),
        [PickledBytes bytes] => bytes,
        [string, string] => Latin1(arguments),
        _ => throw Misused("bytes"),
    };

    /// <summary>A storage in a file of its own within the file, as modules are pickled without torch.save.</summary>
    private StorageWindow Nested(PickledSequence arguments)
    {
        if (isNested || arguments is not [PickledBytes { IsMapped: true } bytes])
        {
            throw Misused("torch.storage._load_from_bytes");
        }

        (object? value, IReadOnlyList<PickledStorage>? storages) = TorchLegacyFile.ReadNested(reader.File, bytes.Offset, bytes.Length);
        NestedStorages.AddRange(storages);
        return value as StorageWindow ?? throw Misused("torch.storage._load_from_bytes");
    }

    private object ComplexNumber(PickledSequence arguments) =>
        arguments is [double real, double imaginary] ? new Complex(real, imaginary) : throw Misused("complex");
}
