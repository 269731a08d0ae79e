using System.Globalization;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.FitPrune;

/// <summary>The numbered names of a case.</summary>
internal static class CaseNames
{
    /// <summary>The numbers N of the tensors named <c>prefix.N</c>.</summary>
    public static int[] Numbers(this GoldenCase golden, string prefix) =>
    [
        .. from name in golden.Names
           where name.StartsWith(prefix + ".", StringComparison.Ordinal)
           let rest = name[(prefix.Length + 1)..]
           where rest.All(char.IsAsciiDigit)
           select int.Parse(rest, CultureInfo.InvariantCulture),
    ];

    public static Tensor Whole(IEnumerable<int> values, params long[] shape)
    {
        long[] all = [.. values.Select(value => (long)value)];
        return tensor(all, shape.Length == 0 ? [all.Length] : shape);
    }

    public static int[] Ints(this System.Text.Json.JsonElement config, string name)
        => [.. config.GetProperty(name).EnumerateArray().Select(value => value.GetInt32())];

    public static int Int(this System.Text.Json.JsonElement config, string name) => config.GetProperty(name).GetInt32();
}
