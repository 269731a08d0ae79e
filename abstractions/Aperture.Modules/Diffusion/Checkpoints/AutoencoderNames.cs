using Aperture.Weights;

namespace Aperture.Diffusion;

/// <summary>The names of an autoencoder's attention in older diffusers' checkpoints.</summary>
internal static class AutoencoderNames
{
    private static readonly (string Old, string Current)[] _attention = [("query", "to_q"), ("key", "to_k"), ("value", "to_v"), ("proj_attn", "to_out.0")];

    /// <summary>The checkpoint under the current names.</summary>
    /// <param name="source">The checkpoint; it must outlive the view.</param>
    public static IWeightSource Current(IWeightSource source) => source.Rename(Current);

    private static string Current(string name)
    {
        string[] parts = name.Split('.');
        if (parts.Length >= 3 && parts[^3].Length > 0 && name.Contains("mid_block.attentions.", StringComparison.Ordinal))
        {
            (string Old, string Current) found = Array.Find(_attention, pair => pair.Old == parts[^2]);
            if (found.Old is not null)
            {
                return string.Join('.', [.. parts[..^2], found.Current, parts[^1]]);
            }
        }

        return name;
    }
}
