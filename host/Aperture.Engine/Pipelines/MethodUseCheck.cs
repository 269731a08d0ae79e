using System.Text.Json;
using Aperture.Models;
using Aperture.Plugins;

namespace Aperture.Pipelines;

/// <summary>Checks a method where the user names it, so that a typo fails there and not at the first question.</summary>
internal static class MethodUseCheck
{
    /// <summary>Checks that a plugin offers the method and that it has the options by name. Loads plugins until one does.</summary>
    /// <param name="use">The method; one of the user's own passes.</param>
    /// <param name="plugins">The plugins.</param>
    /// <exception cref="ApertureException">No plugin offers it, or an option has another name; the message has the nearest ones.</exception>
    public static void Named(MethodUse use, PluginHost plugins)
    {
        if (use.Object is not null)
        {
            return;
        }

        PluginMethod method = plugins.Describe(use.Name);
        if (use.Options.ValueKind != JsonValueKind.Object || method.Options.Count == 0)
        {
            return; // What is no object, and what a method tells nothing about, is the method's own to refuse.
        }

        string[] known = [.. method.Options.Select(option => option.Name)];
        foreach (JsonProperty option in use.Options.EnumerateObject().Where(option => !known.Contains(option.Name, StringComparer.OrdinalIgnoreCase)))
        {
            throw new ApertureException($"{method.Name}: unknown option '{option.Name}'; {NearestNames.Told(option.Name, known, "it has")}.");
        }
    }

    /// <summary>Checks that a method is not in a pipeline already.</summary>
    /// <param name="use">The method.</param>
    /// <param name="before">The methods of the pipeline.</param>
    /// <returns>What the user should know though it is allowed: the method acts twice. Null for nothing.</returns>
    /// <exception cref="ApertureException">It is there as the same object, or with the same options.</exception>
    public static string? Again(MethodUse use, IReadOnlyList<MethodUse> before)
    {
        if (use.Object is { } own)
        {
            return before.Any(other => ReferenceEquals(other.Object, own))
                ? throw new ApertureException(
                    $"{use.Name} is in the pipeline already, and one object has one state a request; leave one out, or make a second object.")
                : null;
        }

        MethodUse[] same = [.. before.Where(other => other.Object is null && string.Equals(other.Name, use.Name, StringComparison.OrdinalIgnoreCase))];
        if (Array.Exists(same, use.Says))
        {
            throw new ApertureException($"{use.Label} is in the pipeline already; leave one out, or give them different options.");
        }

        return same.Length == 0 ? null : $"{use.Name} acts {same.Length + 1} times in one pipeline: {use.Label} works on what {same[^1].Label} leaves.";
    }
}
