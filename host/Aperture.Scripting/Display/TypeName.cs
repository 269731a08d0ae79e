using Aperture.Measuring;

namespace Aperture.Scripting;

/// <summary>The name of a type as C# writes it.</summary>
public static class TypeName
{
    private static readonly Dictionary<Type, string> _keywords = new()
    {
        [typeof(bool)] = "bool",
        [typeof(byte)] = "byte",
        [typeof(sbyte)] = "sbyte",
        [typeof(short)] = "short",
        [typeof(ushort)] = "ushort",
        [typeof(int)] = "int",
        [typeof(uint)] = "uint",
        [typeof(long)] = "long",
        [typeof(ulong)] = "ulong",
        [typeof(float)] = "float",
        [typeof(double)] = "double",
        [typeof(decimal)] = "decimal",
        [typeof(char)] = "char",
        [typeof(string)] = "string",
        [typeof(object)] = "object",
    };

    /// <summary>The name without namespaces, e.g. <c>List&lt;int[]&gt;</c>.</summary>
    public static string Of(Type type)
    {
        if (_keywords.TryGetValue(type, out string? keyword))
        {
            return keyword;
        }

        if (type.IsArray)
        {
            return $"{Of(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Of(underlying) + "?";
        }

        string name = type.Name.Split('`')[0];
        return !type.IsGenericType ? name
            : name.StartsWith("<>f__AnonymousType", StringComparison.Ordinal) ? "anonymous"
            : name == nameof(ValueTuple) ? $"({string.Join(", ", type.GetGenericArguments().Select(Of))})"
            : $"{name}<{string.Join(", ", type.GetGenericArguments().Select(Of))}>";
    }
}
