using System.Reflection;
using System.Text.RegularExpressions;
using Aperture.Pipelines;

namespace Aperture.Host.Tests;

/// <summary>Folders are rooms: a namespace says in which of them a type stands, and no two rooms of the engine need each other.</summary>
public sealed partial class FolderTests
{
    private const BindingFlags All = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;

    /// <summary>
    /// A project, the namespace of its root, and whether every folder at its top is a namespace. Deeper folders may share that of the one above.
    /// A program's top-level statements have none.
    /// </summary>
    [Theory]
    [InlineData("abstractions/Aperture.Abstractions", "Aperture", true)]
    [InlineData("abstractions/Aperture.Modules", "Aperture", true)]
    [InlineData("host/Aperture.Engine", "Aperture", true)]
    [InlineData("host/Aperture.Host", "Aperture.Host", true)]
    [InlineData("host/Aperture.Hosting", "Aperture.Hosting", true)]
    [InlineData("host/Aperture.Jupyter", "Aperture.Jupyter", false)]
    [InlineData("host/Aperture.Scripting", "Aperture.Scripting", false)]
    [InlineData("host/Aperture.Workshop", "Aperture.Workshop", false)]
    public void Namespaces_follow_folders(string project, string root, bool topFolders)
    {
        string folder = Repository.Path(project);
        string[] files = [.. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories).Where(file => Path.GetFileName(file) != "Program.cs")];
        Assert.NotEmpty(files);
        Assert.DoesNotContain(files, file => !Follows(Path.GetRelativePath(folder, file).Split('/')[..^1], Namespace(file), root, topFolders));
    }

    [Fact]
    public void Every_namespace_of_a_plugin_is_its_folder()
    {
        string folder = Repository.Path("plugins");
        string[] files = [.. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)];
        Assert.NotEmpty(files);
        Assert.DoesNotContain(
            files, file => Namespace(file) != string.Join('.', ["Aperture.Plugins", .. Path.GetRelativePath(folder, file).Split('/')[..^1]]));
    }

    /// <summary>Seen in the compiled engine: bases, members, locals and what code calls.</summary>
    [Fact]
    public void No_two_folders_of_the_engine_need_each_other()
    {
        Assembly engine = typeof(Pipeline).Assembly;
        Dictionary<string, HashSet<string>> needs = [];
        foreach (Type type in engine.GetTypes().Where(type => type.Namespace?.StartsWith("Aperture.", StringComparison.Ordinal) == true))
        {
            HashSet<string> own = needs.TryGetValue(type.Namespace!, out HashSet<string>? known) ? known : needs[type.Namespace!] = [];
            own.UnionWith(Used(type).SelectMany(Parts).Where(used => used.Assembly == engine && used.Namespace is not null).Select(used => used.Namespace!));
            own.Remove(type.Namespace!);
        }

        Assert.Contains("Aperture.Decoding", needs["Aperture.Generation"]);
        List<string> order = [];
        while (needs.Keys.FirstOrDefault(room => !order.Contains(room) && needs[room].All(order.Contains)) is { } next)
        {
            order.Add(next);
        }

        Assert.Empty(needs.Keys.Except(order).Select(room => $"{room} -> {string.Join(", ", needs[room].Except(order))}"));
    }

    private static bool Follows(string[] folders, string given, string root, bool topFolders)
        => Enumerable.Range(topFolders ? Math.Min(1, folders.Length) : 0, folders.Length + 1)
            .Where(depth => depth <= folders.Length)
            .Any(depth => given == string.Join('.', [root, .. folders[..depth]]));

    private static string Namespace(string file)
        => File.ReadLines(file).Select(line => Declared().Match(line)).FirstOrDefault(match => match.Success)?.Groups[1].Value ?? "";

    private static IEnumerable<Type> Used(Type type)
    {
        IEnumerable<MethodBase> methods = [.. type.GetMethods(All), .. type.GetConstructors(All)];
        return
        [
            .. type.BaseType is { } parent ? [parent] : Type.EmptyTypes,
            .. type.GetInterfaces(),
            .. type.GetFields(All).Select(field => field.FieldType),
            .. methods.SelectMany(Used),
        ];
    }

    private static IEnumerable<Type> Used(MethodBase method) =>
    [
        .. method.GetParameters().Select(parameter => parameter.ParameterType),
        .. method is MethodInfo { ReturnType: { } result } ? [result] : Type.EmptyTypes,
        .. method.GetMethodBody()?.LocalVariables.Select(local => local.LocalType) ?? [],
        .. CalledMethods.Named(method).Select(called => called.DeclaringType).OfType<Type>(),
    ];

    private static IEnumerable<Type> Parts(Type type) => type.HasElementType
        ? Parts(type.GetElementType()!)
        : type.IsGenericType ? [type, .. type.GetGenericArguments().SelectMany(Parts)] : [type];

    [GeneratedRegex("^namespace ([A-Za-z0-9_.]+);")]
    private static partial Regex Declared();
}
