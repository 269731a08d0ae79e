using System.Reflection;

namespace Aperture.Golden.Tests;

/// <summary>The runners of this assembly by area and kind.</summary>
internal static class GoldenRunners
{
    private static readonly Dictionary<(string Area, string Kind), Type> _types = Find();

    public static bool Exists(GoldenFile file) => _types.ContainsKey((file.Area, file.Kind));

    public static IGoldenRunner? For(GoldenFile file) =>
        _types.TryGetValue((file.Area, file.Kind), out Type? type) ? (IGoldenRunner)Activator.CreateInstance(type)! : null;

    private static Dictionary<(string Area, string Kind), Type> Find()
    {
        Dictionary<(string Area, string Kind), Type> types = new Dictionary<(string Area, string Kind), Type>();
        IEnumerable<Type> concrete = Assembly.GetExecutingAssembly().GetTypes().Where(type => type is { IsAbstract: false, IsInterface: false });
        foreach (Type type in concrete.Where(typeof(IGoldenRunner).IsAssignableFrom))
        {
            IGoldenRunner runner = (IGoldenRunner)Activator.CreateInstance(type)!;
            if (!types.TryAdd((runner.Area, runner.Kind), type))
            {
                throw new InvalidOperationException($"{type} and {types[(runner.Area, runner.Kind)]} both run {runner.Area}/{runner.Kind}.");
            }
        }

        return types;
    }
}
