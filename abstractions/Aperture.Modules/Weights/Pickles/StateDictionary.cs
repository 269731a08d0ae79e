using System.Globalization;

namespace Aperture.Weights;

/// <summary>Finds the tensors in a saved object and names them: keys of nested dictionaries and indices of lists, joined with dots.</summary>
internal sealed class StateDictionary
{
    private const int MaxDepth = 512;
    private const int MaxVisits = 1_000_000;
    private const int MaxNameLength = 4096;
    private const int MaxWrappers = 8;
    private const string ModulePrefix = "module.";

    private static readonly string[] _wrappers = ["state_dict", "model", "module", "ema_state"];

    private readonly string _path;
    private readonly List<KeyValuePair<string, PickledTensor>> _found = [];

    private StateDictionary(string path) => _path = path;

    /// <summary>The named tensors of a saved object, in its order.</summary>
    public static IReadOnlyList<KeyValuePair<string, PickledTensor>> Read(object? content, WeightFileOptions options, string path)
    {
        StateDictionary state = new(path);
        object? container = options.Container switch
        {
            null => Unwrap(content),
            "" => content,
            _ => state.Descend(content, options.Container),
        };
        state.Collect(container);
        if (state._found.Count == 0 && options.RequireTensors)
        {
            throw new ApertureException(
                $"Weights file '{path}' holds no tensors{(options.Container is { Length: > 0 } ? $" in '{options.Container}'" : "")}; name the container "
                + $"that holds them ({Keys(content)}).");
        }

        return options.StripModule && state._found.TrueForAll(pair => pair.Key.StartsWith(ModulePrefix, StringComparison.Ordinal))
            ? state._found.ConvertAll(pair => KeyValuePair.Create(pair.Key[ModulePrefix.Length..], pair.Value))
            : state._found;
    }

    private static object? Unwrap(object? content)
    {
        for (int depth = 0; depth < MaxWrappers && content is PickledDictionary dictionary; depth++)
        {
            object? inner = _wrappers.Select(name => dictionary.TryGetValue(name, out object? value) ? value : null).FirstOrDefault(LeadsToTensors);
            if (inner is null)
            {
                break;
            }

            content = inner;
        }

        return content;
    }

    /// <summary>Whether a value is a module or a dictionary with tensors of its own, or wraps one that is.</summary>
    private static bool LeadsToTensors(object? value)
    {
        for (int depth = 0; depth < MaxWrappers && value is PickledDictionary dictionary; depth++)
        {
            if (dictionary.Any(pair => pair.Value is PickledTensor))
            {
                return true;
            }

            value = _wrappers.Select(name => dictionary.TryGetValue(name, out object? inner) ? inner : null)
                .FirstOrDefault(inner => inner is PickledDictionary or PickledObject);
        }

        return value is PickledObject made && PickledModule.Children(made) is not null;
    }

    private static string Keys(object? content) =>
        content is PickledDictionary dictionary
            ? $"there are {string.Join(", ", dictionary.Select(pair => $"{pair.Key}").Take(20))}"
            : "the saved object is no dictionary";

    private object? Descend(object? content, string container)
    {
        foreach (string name in container.Split('/'))
        {
            if (content is not PickledDictionary dictionary || !dictionary.TryGetValue(name, out object? inner))
            {
                throw new ApertureException($"Weights file '{_path}' has no container '{container}': '{name}' is missing; {Keys(content)}.");
            }

            content = inner;
        }

        return content;
    }

    /// <summary>
    /// Walks without recursion. A value that contains itself is entered once on each way down; the number of visits is limited, because shared values can make
    /// a short file name endlessly many.
    /// </summary>
    private void Collect(object? root)
    {
        HashSet<string> names = new(StringComparer.Ordinal);
        HashSet<object> onPath = new(ReferenceEqualityComparer.Instance);
        Stack<(object? Value, string Name, bool Leaving)> pending = new();
        pending.Push((root, "", false));
        for (int visits = 0; pending.TryPop(out (object? Value, string Name, bool Leaving) next); visits++)
        {
            if (visits == MaxVisits || onPath.Count > MaxDepth || next.Name.Length > MaxNameLength)
            {
                throw new ApertureException(
                    $"Weights file '{_path}' nests its values deeper or more often than any checkpoint (at '{Shortened(next.Name)}'); name the container "
                    + "that holds the weights.");
            }

            if (next.Leaving)
            {
                onPath.Remove(next.Value!);
            }
            else if (next.Value is PickledTensor tensor)
            {
                Add(names, next.Name, tensor);
            }
            else if (next.Value is not null && Children(next.Value) is { } children && onPath.Add(next.Value))
            {
                pending.Push((next.Value, next.Name, true));
                foreach ((string key, object? value) in children.Reverse())
                {
                    pending.Push((value, next.Name.Length == 0 ? key : $"{next.Name}.{key}", false));
                }
            }
        }
    }

    private static IEnumerable<(string Key, object? Value)>? Children(object value) => value switch
    {
        PickledDictionary dictionary => dictionary.Where(pair => MayHoldTensors(pair.Value)).Select(pair => (KeyText(pair.Key), pair.Value)),
        PickledSequence sequence
            => sequence.Index().Where(item => MayHoldTensors(item.Item)).Select(item => (item.Index.ToString(CultureInfo.InvariantCulture), item.Item)),
        PickledObject made => PickledModule.Children(made),
        _ => null,
    };

    private static bool MayHoldTensors(object? value) => value is PickledTensor or PickledDictionary or PickledSequence or PickledObject;

    private static string KeyText(object? key) => key is string text ? text : Convert.ToString(key, CultureInfo.InvariantCulture) ?? "";

    private static string Shortened(string name) => name.Length <= 60 ? name : name[..60] + "…";

    private void Add(HashSet<string> names, string name, PickledTensor tensor)
    {
        if (!names.Add(name))
        {
            throw new ApertureException($"Weights file '{_path}' holds two tensors called '{Shortened(name)}'; name the container that holds the weights.");
        }

        _found.Add(KeyValuePair.Create(name, tensor));
    }
}
