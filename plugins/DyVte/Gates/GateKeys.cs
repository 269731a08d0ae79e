using System.Globalization;
using System.Text.RegularExpressions;
using Aperture.Weights;

namespace Aperture.Plugins.DyVte.Gates;

/// <summary>Where a checkpoint keeps its gates: <c>model.visual_gates_router.{layer}.w1.weight</c> and <c>w2</c>.</summary>
/// <param name="Prefix">What stands before the layer's number.</param>
/// <param name="Layers">Layers that have a gate, ascending.</param>
internal sealed partial record GateKeys(string Prefix, IReadOnlyList<int> Layers)
{
    /// <summary>The published prefix.</summary>
    public const string Published = "model.visual_gates_router.";

    /// <summary>Looks for gates; null where there are none.</summary>
    public static GateKeys? Find(IWeightSource source)
    {
        Match[] matches = [.. source.Names.Select(name => Name().Match(name)).Where(match => match.Success)];
        if (matches.Length == 0)
        {
            return null;
        }

        string prefix = matches[0].Groups["prefix"].Value;
        return new GateKeys(prefix, [.. matches
            .Where(match => match.Groups["prefix"].Value == prefix)
            .Select(match => int.Parse(match.Groups["layer"].Value, CultureInfo.InvariantCulture))
            .Distinct()
            .Order()]);
    }

    /// <summary>Name of the matrix behind the gate's input.</summary>
    public static string First(string prefix, int layer) => $"{prefix}{layer}.w1.weight";

    /// <summary>Name of the matrix that gives the two logits.</summary>
    public static string Second(string prefix, int layer) => $"{prefix}{layer}.w2.weight";

    [GeneratedRegex(@"^(?<prefix>.*visual_gates_router\.)(?<layer>\d{1,4})\.w[12]\.weight$")]
    private static partial Regex Name();
}
