using System.Reflection;
using System.Runtime.CompilerServices;

namespace Aperture.Host.Tests;

/// <summary>
/// What the packages show to programs, held against lists beside this test, so that nothing public changes unseen. A change that is meant is accepted by
/// running the test with the environment variable APERTURE_API set to <c>write</c>; the list's difference shows what a program would notice.
/// </summary>
public sealed class ApiTests
{
    private const BindingFlags Shown = BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.Instance | BindingFlags.Static | BindingFlags.DeclaredOnly;

    [Theory]
    [InlineData("Aperture.Abstractions")]
    [InlineData("Aperture.Engine")]
    [InlineData("Aperture.Hosting")]
    [InlineData("Aperture.Modules")]
    [InlineData("Aperture.Scripting")]
    public void Nothing_public_has_changed_unseen(string assembly)
    {
        string file = Repository.Path("tests", "Host", "Api", assembly + ".txt");
        string[] shown = [.. Assembly.Load(assembly).GetExportedTypes().SelectMany(Lines).Order(StringComparer.Ordinal)];
        if (Environment.GetEnvironmentVariable("APERTURE_API") == "write")
        {
            File.WriteAllLines(file, shown);
        }

        string[] listed = File.ReadAllLines(file);
        Assert.Equal("", string.Join('\n', listed.Except(shown).Select(line => $"gone: {line}").Concat(shown.Except(listed).Select(line => $"new: {line}"))));
    }

    private static IEnumerable<string> Lines(Type type)
    {
        string name = $"{type.Namespace}.{Name(type)}";
        string kind = type.IsInterface ? "interface" : type.IsEnum ? "enum" : type.IsValueType ? "struct" : type.IsSealed ? "sealed class" : "class";
        IEnumerable<Type> bases = new[] { type.BaseType }.OfType<Type>().Where(parent => parent != typeof(object) && parent != typeof(ValueType))
            .Concat(type.GetInterfaces().OrderBy(Name, StringComparer.Ordinal));
        yield return $"{name} {kind} : {string.Join(", ", bases.Select(Name))}".TrimEnd(' ', ':');
        foreach (MemberInfo member in type.GetMembers(Shown).Where(member => !member.IsDefined(typeof(CompilerGeneratedAttribute))))
        {
            string? text = member switch
            {
                ConstructorInfo made when IsShown(made) => $"new({Parameters(made)})",
                MethodInfo { IsSpecialName: false } method when IsShown(method) => $"{Of(method)}{Name(method.ReturnType)} {method.Name}({Parameters(method)})",
                FieldInfo field when (field.IsPublic || field.IsFamily) && !field.IsSpecialName => $"{Name(field.FieldType)} {field.Name}{Value(field)}",
                EventInfo told => $"event {Name(told.EventHandlerType!)} {told.Name}",
                PropertyInfo property when property.GetAccessors(nonPublic: true).Any(IsShown)
                    => $"{Name(property.PropertyType)} {property.Name} {Access(property)}",
                _ => null,
            };
            if (text is not null)
            {
                yield return $"{name} . {text}";
            }
        }
    }

    private static bool IsShown(MethodBase method) => method.IsPublic || method.IsFamily || method.IsFamilyOrAssembly;

    private static string Of(MethodBase method) => method.IsStatic ? "static " : method.IsAbstract ? "abstract " : method.IsVirtual ? "virtual " : "";

    private static string Access(PropertyInfo property)
    {
        string change = property.SetMethod?.ReturnParameter.GetRequiredCustomModifiers().Contains(typeof(IsExternalInit)) == true ? "init" : "set";
        bool isSet = property.SetMethod is { } setter && IsShown(setter);
        string needed = property.CustomAttributes.Any(mark => mark.AttributeType.Name == "RequiredMemberAttribute") ? " required" : "";
        return $"{(property.GetMethod is { } getter && IsShown(getter) ? "get" : "")}{(isSet ? $" {change}" : "")}{needed}";
    }

    private static string Value(FieldInfo field) => field.IsLiteral ? $" = {field.GetRawConstantValue()}" : "";

    private static string Parameters(MethodBase method)
        => string.Join(", ", method.GetParameters().Select(own => $"{Name(own.ParameterType)} {own.Name}{(own.IsOptional ? "?" : "")}"));

    private static string Name(Type type)
    {
        if (type.HasElementType)
        {
            return Name(type.GetElementType()!) + (type.IsArray ? "[]" : type.IsByRef ? "&" : "*");
        }

        string own = type.Name.Split('`')[0];
        string name = type.DeclaringType is { } outer && !type.IsGenericParameter ? $"{Name(outer)}.{own}" : own;
        return type.IsGenericType ? $"{name}<{string.Join(", ", type.GetGenericArguments().Select(Name))}>" : name;
    }
}
