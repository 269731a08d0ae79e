namespace Aperture.Weights;

/// <summary>
/// What training wrappers put before the name of every tensor: <c>module.</c> (data-parallel training), <c>_orig_mod.</c> (torch.compile) and
/// <c>base_model.model.</c> (PEFT), alone or one in the other.
/// </summary>
internal static class WrapperPrefix
{
    private static readonly string[] _wrappers = ["module.", "_orig_mod.", "base_model.model."];

    /// <summary>The checkpoint without the prefix that all its names share; the checkpoint itself where they share none.</summary>
    /// <param name="source">The checkpoint; owned by what is returned.</param>
    public static IWeightSource Strip(IWeightSource source)
    {
        string prefix = Of(source.Names);
        return prefix.Length == 0 ? source : new RenamedWeights(source, name => name[prefix.Length..], ownsSource: true);
    }

    private static string Of(IReadOnlyCollection<string> names)
    {
        string prefix = "";
        while (names.Count > 0 && Array.Find(_wrappers, wrapper => names.All(name => Continues(name, prefix, wrapper))) is { } found)
        {
            prefix += found;
        }

        return prefix;
    }

    private static bool Continues(string name, string prefix, string wrapper)
        => name.Length > prefix.Length + wrapper.Length && string.CompareOrdinal(name, prefix.Length, wrapper, 0, wrapper.Length) == 0;
}
