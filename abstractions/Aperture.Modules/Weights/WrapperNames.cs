namespace Aperture.Weights;

/// <summary>
/// What training wrappers put into the names of tensors: before every name <c>module.</c> (data-parallel training), <c>_forward_module.</c> (Fabric) and
/// <c>base_model.model.</c> (PEFT), alone or one in the other; anywhere what torch.compile, sharded training and activation checkpointing call a part of
/// theirs.
/// </summary>
internal static class WrapperNames
{
    private static readonly string[] _prefixes = ["module.", "_forward_module.", "base_model.model."];

    // No author gives a part such a name.
    private static readonly string[] _parts = ["_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"];

    /// <summary>The checkpoint without what wrappers put into its names; the checkpoint itself where they put nothing.</summary>
    /// <param name="source">The checkpoint; owned by what is returned.</param>
    public static IWeightSource Strip(IWeightSource source)
    {
        string[] names = [.. source.Names.Select(WithoutParts)];
        string prefix = Prefix(names);
        bool isPlain = prefix.Length == 0 && names.SequenceEqual(source.Names);
        return isPlain || names.Distinct(StringComparer.Ordinal).Count() < names.Length
            ? source
            : new RenamedWeights(source, name => WithoutParts(name)[prefix.Length..], ownsSource: true);
    }

    private static string WithoutParts(string name)
        => Array.Exists(_parts, part => name.Contains(part, StringComparison.Ordinal))
            ? string.Join('.', name.Split('.').Where(part => !_parts.Contains(part)))
            : name;

    private static string Prefix(IReadOnlyCollection<string> names)
    {
        string prefix = "";
        while (names.Count > 0 && Array.Find(_prefixes, wrapper => names.All(name => Continues(name, prefix, wrapper))) is { } found)
        {
            prefix += found;
        }

        return prefix;
    }

    private static bool Continues(string name, string prefix, string wrapper)
        => name.Length > prefix.Length + wrapper.Length && string.CompareOrdinal(name, prefix.Length, wrapper, 0, wrapper.Length) == 0;
}
