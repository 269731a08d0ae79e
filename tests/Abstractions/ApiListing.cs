using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text;
using Aperture.Measuring;

namespace Aperture.Abstractions.Tests;

/// <summary>Lists the public surface of an assembly, one line a type and a member, in ordinal order.</summary>
internal static class ApiListing
{
    private const BindingFlags Declared
        = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    public static IReadOnlyList<string> Of(Assembly assembly)
    {
        List<string> lines = [];
        foreach (Type type in assembly.GetExportedTypes())
        {
            string name = Name(type);
            lines.Add(Head(type));
            lines.AddRange(Members(type).Select(member => $"{name} :: {member}"));
        }

        lines.Sort(StringComparer.Ordinal);
        return lines;
    }

    private static string Head(Type type)
    {
        string kind = type switch
        {
            { IsEnum: true } => "enum",
            { IsInterface: true } => "interface",
            { IsValueType: true } => IsReadOnly(type) ? "readonly struct" : "struct",
            _ when typeof(Delegate).IsAssignableFrom(type) => "delegate",
            { IsAbstract: true, IsSealed: true } => "static class",
            { IsAbstract: true } => "abstract class",
            { IsSealed: true } => "sealed class",
            _ => "class",
        };
        if (type.GetMethod("<Clone>$") is not null)
        {
            kind = kind.Replace("class", "record", StringComparison.Ordinal);
        }

        List<string> bases = [];
        if (type.BaseType is { } parent
            && parent != typeof(object)
            && parent != typeof(ValueType)
            && parent != typeof(Enum)
            && parent != typeof(MulticastDelegate))
        {
            bases.Add(Name(parent));
        }

        bases.AddRange(type.GetInterfaces().Where(contract => contract.IsPublic || contract.IsNestedPublic).Select(Name).Order(StringComparer.Ordinal));
        return $"{Name(type)} : {kind}{(bases.Count == 0 || kind is "enum" or "delegate" ? "" : $" ({string.Join(", ", bases)})")}";
    }

    private static IEnumerable<string> Members(Type type)
    {
        if (type.IsEnum)
        {
            return type.GetFields(BindingFlags.Public | BindingFlags.Static).Select(field => $"{field.Name} = {Convert.ToInt64(field.GetRawConstantValue())}");
        }

        if (typeof(Delegate).IsAssignableFrom(type))
        {
            MethodInfo invoke = type.GetMethod("Invoke")!;
            return [$"{Name(invoke.ReturnType)} ({Parameters(invoke)})"];
        }

        // What the compiler writes into a record (equality, ToString, Deconstruct) follows from the word record.
        return type.GetMembers(Declared).Where(member => member.GetCustomAttribute<CompilerGeneratedAttribute>() is null).Select(Member).OfType<string>();
    }

    private static string? Member(MemberInfo member) => member switch
    {
        FieldInfo field when IsVisible(field.Attributes) =>
            $"{Access(field.IsFamily || field.IsFamilyOrAssembly)}{(field.IsLiteral ? "const " : field.IsStatic ? "static " : "")}"
                + $"{(field.IsInitOnly ? "readonly " : "")}{Name(field.FieldType)} {field.Name}"
            + (field.IsLiteral ? $" = {Literal(field.GetRawConstantValue())}" : ""),
        ConstructorInfo constructor when IsVisible(constructor) && !constructor.IsStatic => $"{Access(constructor)}new({Parameters(constructor)})",
        PropertyInfo property when property.GetAccessors(nonPublic: true).Any(IsVisible) => Property(property),
        EventInfo item when IsVisible(item.AddMethod!) => $"event {Name(item.EventHandlerType!)} {item.Name}",
        // Accessors are listed with their property; names with angle brackets are the compiler's.
        MethodInfo method when IsVisible(method) && !IsAccessor(method) && !method.Name.Contains('<', StringComparison.Ordinal) => Method(method),
        _ => null,
    };

    private static bool IsAccessor(MethodInfo method) => method.IsSpecialName && !method.Name.StartsWith("op_", StringComparison.Ordinal);

    private static string Property(PropertyInfo property)
    {
        MethodInfo first = property.GetAccessors(nonPublic: true).First(IsVisible);
        StringBuilder accessors = new();
        foreach (MethodInfo accessor in property.GetAccessors(nonPublic: true).Where(IsVisible).OrderBy(accessor => accessor.Name, StringComparer.Ordinal))
        {
            bool init = accessor.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit));
            accessors.Append(' ').Append(accessor == property.GetMethod ? "get" : init ? "init" : "set").Append(';');
        }

        string required = property.GetCustomAttribute<RequiredMemberAttribute>() is null ? "" : "required ";
        ParameterInfo[] index = property.GetIndexParameters();
        string name = index.Length == 0 ? property.Name : $"this[{string.Join(", ", index.Select(Parameter))}]";
        return $"{Access(first)}{Modifiers(first)}{required}{Name(property.PropertyType)} {name} {{{accessors} }}";
    }

    private static string Method(MethodInfo method)
    {
        string generic = method.IsGenericMethodDefinition ? $"<{string.Join(", ", method.GetGenericArguments().Select(Constrained))}>" : "";
        return $"{Access(method)}{Modifiers(method)}{Name(method.ReturnType)} {method.Name}{generic}({Parameters(method)})";
    }

    private static string Constrained(Type parameter)
    {
        string[] constraints = [.. parameter.GetGenericParameterConstraints().Select(Name)];
        return constraints.Length == 0 ? parameter.Name : $"{parameter.Name} : {string.Join(" & ", constraints)}";
    }

    private static string Modifiers(MethodInfo method) =>
        method.IsStatic ? (method.IsAbstract ? "static abstract " : "static ")
        : method.DeclaringType!.IsInterface ? (method.IsAbstract ? "" : "default ")
        : method.IsAbstract ? "abstract "
        : method.IsVirtual && !method.IsFinal ? (method.GetBaseDefinition() == method ? "virtual " : "override ")
        : "";

    private static string Parameters(MethodBase method) => string.Join(", ", method.GetParameters().Select(Parameter));

    private static string Parameter(ParameterInfo parameter)
    {
        string passed = parameter.IsOut ? "out " : parameter.IsIn ? "in " : parameter.ParameterType.IsByRef ? "ref "
            : parameter.GetCustomAttribute<ParamArrayAttribute>() is not null ? "params " : "";
        return $"{passed}{Name(parameter.ParameterType)} {parameter.Name}{(parameter.HasDefaultValue ? $" = {Literal(parameter.DefaultValue)}" : "")}";
    }

    private static string Literal(object? value) => value switch
    {
        null => "default",
        string text => $"\"{text}\"",
        bool flag => flag ? "true" : "false",
        _ => Convert.ToString(value)!,
    };

    private static string Name(Type type)
    {
        if (type.IsByRef)
        {
            return Name(type.GetElementType()!);
        }

        if (type.IsArray)
        {
            return $"{Name(type.GetElementType()!)}[{new string(',', type.GetArrayRank() - 1)}]";
        }

        if (type.IsPointer)
        {
            return Name(type.GetElementType()!) + "*";
        }

        if (type.IsGenericParameter)
        {
            return type.Name;
        }

        if (Nullable.GetUnderlyingType(type) is { } underlying)
        {
            return Name(underlying) + "?";
        }

        string outer = type.DeclaringType is { } declaring ? Name(declaring) + "." : type.Namespace is { } space ? space + "." : "";
        string name = type.Name.Split('`')[0];
        int inherited = type.DeclaringType?.GetGenericArguments().Length ?? 0;
        Type[] arguments = type.GetGenericArguments()[inherited..];
        return arguments.Length == 0 ? outer + name : $"{outer}{name}<{string.Join(", ", arguments.Select(Name))}>";
    }

    private static bool IsReadOnly(Type type)
        => type.GetCustomAttributes().Any(attribute => attribute.GetType().FullName == "System.Runtime.CompilerServices.IsReadOnlyAttribute");

    private static bool IsVisible(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static bool IsVisible(FieldAttributes field)
        => (field & FieldAttributes.FieldAccessMask) is FieldAttributes.Public or FieldAttributes.Family or FieldAttributes.FamORAssem;

    private static string Access(MethodBase method) => Access(!method.IsPublic);

    private static string Access(bool isProtected) => isProtected ? "protected " : "";
}
