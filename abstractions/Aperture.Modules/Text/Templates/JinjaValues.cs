using System.Globalization;

namespace Aperture.Text;

/// <summary>
/// The values of templates and what can be done with them: null, true and false, whole and other numbers, texts, lists and maps, and what is not defined.
/// Nothing else exists for a template: no file, no type, no member of any.
/// </summary>
internal static class JinjaValues
{
    private const int LongestRange = 10_000, LongestText = 1 << 20;

    /// <summary>What is not defined.</summary>
    public static object Undefined { get; } = new();

    public static bool IsTrue(object? value) => value switch
    {
        null or false or 0L or 0.0 or "" => false,
        List<object?> list => list.Count > 0,
        Dictionary<string, object?> map => map.Count > 0,
        _ => value != Undefined,
    };

    public static string Text(object? value) => value switch
    {
        string text => text,
        null => "None",
        bool flag => flag ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        double number => number.ToString(CultureInfo.InvariantCulture),
        _ when value == Undefined => "",
        _ => throw new JinjaException($"{Kind(value)} where a text stands"),
    };

    public static new bool Equals(object? left, object? right) => (left, right) switch
    {
        (long a, double b) => a == b,
        (double a, long b) => a == b,
        (List<object?> a, List<object?> b) => a.Count == b.Count && a.Zip(b).All(pair => Equals(pair.First, pair.Second)),
        _ => object.Equals(left, right),
    };

    public static object? Operate(string sign, object? left, object? right) => (sign, left, right) switch
    {
        ("==", _, _) => Equals(left, right),
        ("!=", _, _) => !Equals(left, right),
        ("~", _, _) => Text(left) + Text(right),
        ("in", _, string text) => text.Contains(Text(left), StringComparison.Ordinal),
        ("in", _, List<object?> list) => list.Exists(item => Equals(item, left)),
        ("in", string key, Dictionary<string, object?> map) => map.ContainsKey(key),
        ("+", string a, string b) => a + b,
        ("+", List<object?> a, List<object?> b) => (List<object?>)[.. a, .. b],
        ("*", string text, long count) when count is >= 0 and < LongestRange && count * text.Length < LongestRange
            => string.Concat(Enumerable.Repeat(text, (int)count)),
        ("<", string a, string b) => string.CompareOrdinal(a, b) < 0,
        (">", string a, string b) => string.CompareOrdinal(a, b) > 0,
        ("+", long a, long b) => a + b,
        ("-", long a, long b) => a - b,
        ("*", long a, long b) => a * b,
        ("//", long a, long b) when b != 0 => (long)Math.Floor((double)a / b),
        ("%", long a, long b) when b != 0 => b == -1 ? 0 : ((a % b) + b) % b, // the smallest number by -1 overflows
        (_, long or double, long or double) => Numbers(sign, Convert.ToDouble(left), Convert.ToDouble(right)),
        _ => throw new JinjaException($"'{sign}' between {Kind(left)} and {Kind(right)}"),
    };

    public static object? Item(object? of, object? key) => (of, key) switch
    {
        (Dictionary<string, object?> map, string name) => map.TryGetValue(name, out object? value) ? value : Undefined,
        (List<object?> list, long index) => At(list.Count, index) is { } at ? list[at] : Undefined,
        (string text, long index) => At(text.Length, index) is { } at ? text[at].ToString() : Undefined,
        _ => of is null || of == Undefined || key is not string ? throw new JinjaException($"a member of {Kind(of)}") : Undefined,
    };

    public static object? Slice(object? of, long? from, long? to, long step)
    {
        List<object?> items = Items(of);
        int count = items.Count;
        step = Math.Clamp(step, -count - 1, count + 1);
        long first = from is { } f ? Math.Clamp(f < 0 ? f + count : f, step < 0 ? -1 : 0, step < 0 ? count - 1 : count) : step < 0 ? count - 1 : 0;
        long last = to is { } t ? Math.Clamp(t < 0 ? t + count : t, step < 0 ? -1 : 0, count) : step < 0 ? -1 : count;
        List<object?> part = [];
        for (long i = first; step > 0 ? i < last : i > last; i += step != 0 ? step : throw new JinjaException("a slice of step 0"))
        {
            part.Add(items[(int)i]);
        }

        return of is string ? string.Concat(part) : part;
    }

    public static List<object?> Items(object? value) => value switch
    {
        List<object?> list => list,
        Dictionary<string, object?> map => [.. map.Keys],
        string text => text.Length <= LongestText ? [.. text.Select(c => (object?)c.ToString())] : throw TooLong(),
        _ when value == Undefined => [],
        _ => throw new JinjaException($"a loop over {Kind(value)}"),
    };

    public static bool Test(string name, object? value, IReadOnlyList<object?> arguments) => name switch
    {
        "defined" => value != Undefined,
        "undefined" => value == Undefined,
        "none" => value is null,
        "string" => value is string,
        "mapping" => value is Dictionary<string, object?>,
        "sequence" or "iterable" => value is List<object?> or string or Dictionary<string, object?>,
        "number" => value is long or double,
        "integer" => value is long,
        "boolean" => value is bool,
        "true" => value is true,
        "false" => value is false,
        "odd" => value is long whole && whole % 2 != 0,
        "even" => value is long number && number % 2 == 0,
        "equalto" or "eq" or "==" or "sameas" => Equals(value, First(arguments)),
        "ne" or "!=" => !Equals(value, First(arguments)),
        "in" => (bool)Operate("in", value, First(arguments))!,
        _ => throw new JinjaException($"the test '{name}'"),
    };

    /// <summary>A filter, or a method of a text or a map.</summary>
    public static object? Apply(string name, object? value, IReadOnlyList<object?> arguments, IReadOnlyDictionary<string, object?> named)
    {
        string Argument(int i) => i < arguments.Count ? Text(arguments[i]) : "";
        char[]? Signs() => arguments.Count > 0 ? Argument(0).ToCharArray() : null;
        return (name, value) switch
        {
            ("trim" or "strip", _) => Text(value).Trim(Signs()),
            ("lstrip", string text) => text.TrimStart(Signs()),
            ("rstrip", string text) => text.TrimEnd(Signs()),
            ("upper", _) => Text(value).ToUpperInvariant(),
            ("lower", _) => Text(value).ToLowerInvariant(),
            ("title", _) => CultureInfo.InvariantCulture.TextInfo.ToTitleCase(Text(value).ToLowerInvariant()),
            ("capitalize", _) => Text(value) is { Length: > 0 } text ? char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant() : "",
            ("replace", _) => Replaced(Text(value), Argument(0), Argument(1)),
            ("startswith", string text) => text.StartsWith(Argument(0), StringComparison.Ordinal),
            ("endswith", string text) => text.EndsWith(Argument(0), StringComparison.Ordinal),
            ("split", string text) when arguments.Count > 0 => (List<object?>)[.. text.Split(Argument(0))],
            ("split", string text) => (List<object?>)[.. text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)],
            ("items", Dictionary<string, object?> map) => (List<object?>)[.. map.Select(entry => new List<object?> { entry.Key, entry.Value })],
            ("keys", Dictionary<string, object?> map) => (List<object?>)[.. map.Keys],
            ("values", Dictionary<string, object?> map) => (List<object?>)[.. map.Values],
            ("get", Dictionary<string, object?> map) => map.GetValueOrDefault(Argument(0), arguments.Count > 1 ? arguments[1] : null),
            ("length" or "count", Dictionary<string, object?> map) => (long)map.Count,
            ("length" or "count", _) => (long)Items(value).Count,
            ("first", _) => Items(value) is [var first, ..] ? first : Undefined,
            ("last", _) => Items(value) is [.., var last] ? last : Undefined,
            ("list", _) => Items(value),
            ("reverse", _) => Slice(value, null, null, -1),
            ("join", _) => Joined(Argument(0), [.. Items(value).Select(Text)]),
            ("string" or "safe" or "e" or "escape", _) => Text(value),
            ("int", _) => value is long ? value : long.TryParse(Text(value), CultureInfo.InvariantCulture, out long number) ? number : 0L,
            ("default" or "d", _) when value == Undefined || (arguments.Count > 1 && IsTrue(arguments[1]) && !IsTrue(value))
                => arguments.Count > 0 ? arguments[0] : "",
            ("default" or "d", _) => value,
            ("selectattr" or "rejectattr", _) => (List<object?>)[.. Items(value).Where(item => Selects(item) == (name == "selectattr"))],
            ("map", _) when named.TryGetValue("attribute", out object? member) => (List<object?>)[.. Items(value).Select(item => Item(item, member))],
            _ => throw new JinjaException($"'{name}' of {Kind(value)}"),
        };

        bool Selects(object? item)
            => arguments.Count == 1
                ? IsTrue(Item(item, arguments[0]))
                : Test(Argument(1), Item(item, First(arguments)), [.. arguments.Skip(2)]);
    }

    public static List<object?> Range(IReadOnlyList<object?> arguments)
    {
        long[] numbers = [.. arguments.Select(argument => argument is long number ? number : throw new JinjaException("a range of no whole numbers"))];
        (Int128 first, Int128 last, Int128 step) = numbers.Length switch
        {
            0 => throw new JinjaException("a range of nothing"),
            1 => (0, numbers[0], 1),
            _ => (numbers[0], numbers[1], numbers.Length > 2 ? numbers[2] : 1),
        };
        return step != 0 && Int128.Abs(last - first) <= LongestRange
            ? [.. Enumerable.Range(0, (int)Int128.Max(0, (last - first + step - Int128.Sign(step)) / step)).Select(i => (object?)(long)(first + (i * step)))]
            : throw new JinjaException($"a range of more than {LongestRange}");
    }

    private static object? First(IReadOnlyList<object?> arguments)
        => arguments.Count > 0 ? arguments[0] : throw new JinjaException("a filter or test without its argument");

    private static string Replaced(string text, string old, string with)
    {
        long pieces = old.Length == 0 ? 0 : text.Split(old).LongLength - 1;
        return old.Length == 0 ? text
            : text.Length + (pieces * (with.Length - old.Length)) <= LongestText ? text.Replace(old, with, StringComparison.Ordinal)
            : throw TooLong();
    }

    private static string Joined(string between, IReadOnlyList<string> parts)
        => parts.Sum(part => (long)part.Length + between.Length) <= LongestText ? string.Join(between, parts) : throw TooLong();

    private static JinjaException TooLong() => new("more text than a prompt ever takes");

    private static object? Numbers(string sign, double left, double right) => sign switch
    {
        "<" => left < right,
        ">" => left > right,
        "<=" => left <= right,
        ">=" => left >= right,
        "+" => left + right,
        "-" => left - right,
        "*" => left * right,
        "/" when right != 0 => left / right,
        _ => throw new JinjaException($"'{sign}' between numbers"),
    };

    private static int? At(int count, long index) => index < 0 ? (index + count >= 0 ? (int)(index + count) : null) : index < count ? (int)index : null;

    private static string Kind(object? value) => value switch
    {
        null => "none",
        bool => "true or false",
        long or double => "a number",
        string => "a text",
        List<object?> => "a list",
        Dictionary<string, object?> => "a map",
        _ => "what is not defined",
    };
}
