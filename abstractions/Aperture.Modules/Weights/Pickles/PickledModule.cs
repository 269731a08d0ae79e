namespace Aperture.Weights;

/// <summary>Finds parameters, buffers and children of a module that was pickled as an object, by the attributes every module has.</summary>
internal static class PickledModule
{
    private const string ScriptPrefix = "__torch__.";

    /// <summary>The named tensors and children of a module; null where the object is none.</summary>
    public static IEnumerable<(string Name, object? Value)>? Children(PickledObject made)
    {
        // A class that persists its source, as generators of the StyleGAN family do, keeps the module's attributes in an argument instead of the state.
        object? persisted = made.Arguments is [PickledDictionary meta] && meta.TryGetValue("state", out object? inner) ? inner : null;
        if ((made.State ?? persisted) is not PickledDictionary state)
        {
            return null;
        }

        if (state.TryGetValue("_parameters", out object? parameters)
            | state.TryGetValue("_buffers", out object? buffers)
            | state.TryGetValue("_modules", out object? modules))
        {
            state.TryGetValue("_non_persistent_buffers_set", out object? left);
            return Tensors(parameters)
                .Concat(Tensors(buffers).Where(pair => left is not PickledSequence names || !names.Contains(pair.Name)))
                .Concat(Entries(modules));
        }

        // TorchScript keeps tensors and children as plain attributes.
        return made.ClassName.StartsWith(ScriptPrefix, StringComparison.Ordinal)
            ? Entries(state).Where(pair => pair.Value is PickledTensor or PickledObject)
            : null;
    }

    private static IEnumerable<(string Name, object? Value)> Tensors(object? value) => Entries(value).Where(pair => pair.Value is PickledTensor);

    private static IEnumerable<(string Name, object? Value)> Entries(object? value) =>
        value is PickledDictionary dictionary ? dictionary.Where(pair => pair.Key is string).Select(pair => ((string)pair.Key!, pair.Value)) : [];
}
