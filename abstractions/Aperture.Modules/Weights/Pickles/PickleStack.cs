namespace Aperture.Weights;

/// <summary>The machine's stack with its marks; every access is checked.</summary>
internal sealed class PickleStack(PickleReader reader)
{
    private const int MaxDepth = 4_000_000;

    private readonly List<object?> _items = [];
    private readonly List<int> _marks = [];

    public void Push(object? value)
    {
        if (_items.Count == MaxDepth)
        {
            throw reader.Refused($"the pickle stacks more than {MaxDepth} values, which no checkpoint does");
        }

        _items.Add(value);
    }

    public void Mark()
    {
        if (_marks.Count == MaxDepth)
        {
            throw reader.Refused($"the pickle sets more than {MaxDepth} marks, which no checkpoint does");
        }

        _marks.Add(_items.Count);
    }

    public object? Pop()
    {
        object? value = Peek();
        _items.RemoveAt(_items.Count - 1);
        return value;
    }

    public object? Peek() => _items.Count > Floor ? _items[^1] : throw reader.Damaged("it takes a value from an empty stack");

    public object?[] PopMany(int count)
    {
        if (_items.Count - Floor < count)
        {
            throw reader.Damaged("it takes a value from an empty stack");
        }

        object?[] values = _items.GetRange(_items.Count - count, count).ToArray();
        _items.RemoveRange(_items.Count - count, count);
        return values;
    }

    public object?[] PopToMark()
    {
        if (_marks.Count == 0)
        {
            throw reader.Damaged("it takes values up to a mark that was never set");
        }

        object?[] values = PopMany(_items.Count - _marks[^1]);
        _marks.RemoveAt(_marks.Count - 1);
        return values;
    }

    private int Floor => _marks.Count == 0 ? 0 : _marks[^1];
}
