using System.IO.Enumeration;
using Aperture.Plugins;

namespace Aperture.Models;

/// <summary>Names the weights of a checkpoint that nothing uses, by the method they belong to where one claims them.</summary>
internal static class UnusedWeights
{
    private const int FamilyDepth = 3;

    /// <summary>One line for each method that would use some, and one for the rest.</summary>
    /// <param name="model">Name of the model.</param>
    /// <param name="unclaimed">Weights that nothing of the model loads.</param>
    /// <param name="known">All methods there are.</param>
    /// <param name="used">Names of the methods that act.</param>
    public static IReadOnlyList<string> Describe(string model, IReadOnlyList<string> unclaimed, IReadOnlyList<PluginMethod> known, IReadOnlyList<string> used)
    {
        List<string> lines = [];
        List<string> rest = [.. unclaimed];
        foreach (PluginMethod method in known)
        {
            List<string> own = rest.FindAll(name => method.WeightKeys.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, name, ignoreCase: false)));
            rest.RemoveAll(own.Contains);
            if (own.Count > 0 && !used.Contains(method.Name, StringComparer.OrdinalIgnoreCase))
            {
                lines.Add(
                    $"{model} holds weights of {method.Name} that nothing uses ({Families(own)}); answer with it (--with {method.Name}) to have the model "
                    + "that they were trained for.");
            }
        }

        if (rest.Count > 0)
        {
            lines.Add($"{model} holds weights that nothing here uses: {Families(rest)}; answers may be worse than its authors'.");
        }

        return lines;
    }

    private static string Families(IEnumerable<string> names)
        => string.Join(", ", names.GroupBy(Family).Select(family => family.Count() == 1 ? family.First() : $"{family.Key} ({family.Count()})"));

    // model.vision_tower.align_stages.0.fast_proj.weight -> model.vision_tower.align_stages.*
    private static string Family(string name)
    {
        string[] parts = name.Split('.');
        int depth = Array.FindIndex(parts, part => part.All(char.IsAsciiDigit));
        depth = Math.Min(depth < 0 ? parts.Length - 1 : depth, FamilyDepth);
        return string.Join('.', parts[..Math.Max(depth, 1)]) + ".*";
    }
}
