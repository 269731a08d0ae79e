using System.Numerics;

namespace Aperture.Weights;

/// <summary>
/// Reads a Python pickle as a description of values. Nothing is imported or called: names stay names, and the few functions that checkpoints use
/// are evaluated by <see cref="PickleCalls"/> from a closed list.
/// </summary>
internal sealed class PickleMachine
{
    private const int MaxOperations = 10_000_000;
    private const int MaxWholeNumberBytes = 1024;
    private const int HighestProtocol = 5;

    private readonly PickleReader _reader;
    private readonly PickleCalls _calls;
    private readonly Func<object?, object?> _persistent;
    private readonly PickleStack _stack;
    private readonly Dictionary<long, object?> _memo = [];

    /// <summary>Prepares to read one pickle from the reader's position. <paramref name="persistent"/> gives the value of a persistent id.</summary>
    public PickleMachine(PickleReader reader, PickleCalls calls, Func<object?, object?> persistent)
    {
        _reader = reader;
        _calls = calls;
        _persistent = persistent;
        _stack = new PickleStack(reader);
    }

    /// <summary>Reads up to the STOP opcode and returns the value; the reader stands behind it.</summary>
    public object? Run()
    {
        for (int operations = 0; operations < MaxOperations; operations++)
        {
            long offset = _reader.Position;
            byte opcode = _reader.Byte();
            if (opcode == (byte)'.')
            {
                return _stack.Pop();
            }

            if (!PushLiteral(opcode) && !Collect(opcode) && !Refer(opcode))
            {
                throw _reader.Refused(
                    $"the pickle holds the opcode 0x{opcode:X2} at byte {_reader.Start + offset}, which checkpoints do not use; the file is damaged or no "
                    + "checkpoint");
            }
        }

        throw _reader.Refused($"the pickle takes more than {MaxOperations} steps, which no checkpoint does");
    }

    private bool PushLiteral(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'N': _stack.Push(null); break;
            case 0x88: _stack.Push(true); break;
            case 0x89: _stack.Push(false); break;
            case (byte)'J': _stack.Push((long)_reader.Int32()); break;
            case (byte)'K': _stack.Push((long)_reader.Byte()); break;
            case (byte)'M': _stack.Push((long)_reader.UInt16()); break;
            case 0x8A: _stack.Push(Whole(_reader.Byte())); break;
            case 0x8B: _stack.Push(Whole(_reader.Int32())); break;
            case (byte)'G': _stack.Push(_reader.BigEndianDouble()); break;
            case (byte)'X': _stack.Push(_reader.Text(_reader.UInt32())); break;
            case 0x8C: _stack.Push(_reader.Text(_reader.Byte())); break;
            case 0x8D: _stack.Push(_reader.Text(_reader.Int64())); break;
            case (byte)'U': _stack.Push(_reader.Text(_reader.Byte())); break;
            case (byte)'T': _stack.Push(_reader.Text(_reader.Int32())); break;
            case (byte)'C': _stack.Push(_reader.Block(_reader.Byte())); break;
            case (byte)'B': _stack.Push(_reader.Block(_reader.UInt32())); break;
            case 0x8E or 0x96: _stack.Push(_reader.Block(_reader.Int64())); break;
            case (byte)')': _stack.Push(new PickledSequence(PickledSequenceKind.Tuple, [])); break;
            case (byte)']': _stack.Push(new PickledSequence(PickledSequenceKind.List, [])); break;
            case (byte)'}': _stack.Push(new PickledDictionary("dict")); break;
            case 0x8F: _stack.Push(new PickledSequence(PickledSequenceKind.Set, [])); break;
            default: return false;
        }

        return true;
    }

    private bool Collect(byte opcode)
    {
        switch (opcode)
        {
            case (byte)'(': _stack.Mark(); break;
            case (byte)'0': _stack.Pop(); break;
            case (byte)'1': _stack.PopToMark(); break;
            case 0x85 or 0x86 or 0x87: _stack.Push(new PickledSequence(PickledSequenceKind.Tuple, _stack.PopMany(opcode - 0x84))); break;
            case (byte)'t': _stack.Push(new PickledSequence(PickledSequenceKind.Tuple, _stack.PopToMark())); break;
            case (byte)'l': _stack.Push(new PickledSequence(PickledSequenceKind.List, _stack.PopToMark())); break;
            case (byte)'d': PushDictionary(_stack.PopToMark()); break;
            case 0x91: _stack.Push(new PickledSequence(PickledSequenceKind.Set, _stack.PopToMark())); break;
            case (byte)'a': Append(_stack.PopMany(1), PickledSequenceKind.List); break;
            case (byte)'e': Append(_stack.PopToMark(), PickledSequenceKind.List); break;
            case 0x90: Append(_stack.PopToMark(), PickledSequenceKind.Set); break;
            case (byte)'s': SetItems(_stack.PopMany(2)); break;
            case (byte)'u': SetItems(_stack.PopToMark()); break;
            default: return false;
        }

        return true;
    }

    private bool Refer(byte opcode)
    {
        switch (opcode)
        {
            case 0x80: CheckProtocol(_reader.Byte()); break;
            case 0x95: _reader.Int64(); break;
            case (byte)'q': _memo[_reader.Byte()] = _stack.Peek(); break;
            case (byte)'r': _memo[_reader.UInt32()] = _stack.Peek(); break;
            case 0x94: _memo[_memo.Count] = _stack.Peek(); break;
            case (byte)'h': _stack.Push(Remembered(_reader.Byte())); break;
            case (byte)'j': _stack.Push(Remembered(_reader.UInt32())); break;
            case (byte)'c': _stack.Push(_calls.Name(_reader.Line(), _reader.Line())); break;
            case 0x93: PushStackName(); break;
            case (byte)'R' or 0x81: PushCall(_stack.PopMany(2)); break;
            case 0x92: PushCallWithKeywords(_stack.PopMany(3)); break;
            case (byte)'b': Build(_stack.Pop()); break;
            case (byte)'Q': _stack.Push(_persistent(_stack.Pop())); break;
            default: return false;
        }

        return true;
    }

    private void CheckProtocol(byte protocol)
    {
        if (protocol > HighestProtocol)
        {
            throw _reader.Refused($"the pickle is of protocol {protocol}; protocols up to {HighestProtocol} are read");
        }
    }

    private object Whole(int length)
    {
        if (length is < 0 or > MaxWholeNumberBytes)
        {
            throw _reader.Damaged($"a whole number of {length} bytes");
        }

        BigInteger value = new(_reader.Take(length));
        return value >= long.MinValue && value <= long.MaxValue ? (object)(long)value : value;
    }

    private object? Remembered(long index) =>
        _memo.TryGetValue(index, out object? value) ? value : throw _reader.Damaged($"it refers to value {index}, which it never stored");

    private void Append(object?[] items, PickledSequenceKind kind)
    {
        switch (_stack.Peek())
        {
            case PickledSequence sequence when sequence.Kind == kind:
                sequence.Add(items);
                break;
            case PickledObject:
                // A list-like object of an unknown class: its items are no weights.
                break;
            default:
                throw _reader.Damaged("it adds items to something that is no list or set");
        }
    }

    private void SetItems(object?[] items)
    {
        if (items.Length % 2 != 0)
        {
            throw _reader.Damaged("it adds a key without a value");
        }

        switch (_stack.Peek())
        {
            case PickledDictionary dictionary:
                for (int i = 0; i < items.Length; i += 2)
                {
                    dictionary.Set(items[i], items[i + 1]);
                }

                break;
            case PickledObject made:
                made.AddEntries(items);
                break;
            default:
                throw _reader.Damaged("it sets an item of something that is no dictionary");
        }
    }

    private void PushDictionary(object?[] items)
    {
        _stack.Push(new PickledDictionary("dict"));
        SetItems(items);
    }

    private void PushStackName()
    {
        object?[] parts = _stack.PopMany(2);
        _stack.Push(parts is [string module, string name] ? _calls.Name(module, name) : throw _reader.Damaged("a module or name is no text"));
    }

    private void PushCall(object?[] call) => _stack.Push(_calls.Call(call[0], Arguments(call[1])));

    private void PushCallWithKeywords(object?[] call)
    {
        PickledDictionary? named = call[2] as PickledDictionary;
        if (named is not { Count: 0 } && call[0] is not PickledName { } and not PickledObject)
        {
            throw _reader.Damaged("it makes an object of something that is no class");
        }

        _stack.Push(named is { Count: 0 } ? _calls.Call(call[0], Arguments(call[1])) : _calls.Unknown(call[0], Arguments(call[1])));
    }

    private PickledSequence Arguments(object? value) =>
        value is PickledSequence { Kind: PickledSequenceKind.Tuple } arguments ? arguments : throw _reader.Damaged("the arguments of a call are no tuple");

    private void Build(object? state) => _calls.Build(_stack.Peek(), state);
}
