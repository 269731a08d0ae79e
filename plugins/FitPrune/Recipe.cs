using System.Text.Json.Serialization;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune;

/// <summary>How many visual tokens go in each layer.</summary>
internal sealed record Recipe
{
    public const string FileFormat = "fitprune-recipe";
    public const int FileVersion = 1;

    public string Format { get; init; } = FileFormat;

    public int Version { get; init; } = FileVersion;

    public string Model { get; init; } = "";

    public int Layers { get; init; }

    /// <summary>Visual tokens that the recipe was made for; 0 where unknown, and then it is never scaled.</summary>
    public int BaseVisualTokens { get; init; }

    public int Hidden { get; init; }

    public int Intermediate { get; init; }

    public double TargetReduction { get; init; }

    public double RealisedReduction { get; init; }

    public double Alpha { get; init; }

    public int Samples { get; init; }

    public bool Strict { get; init; }

    /// <summary>Deletions per layer.</summary>
    public int[] Delete { get; init; } = [];

    /// <summary><c>official</c>, <c>calibrated</c>, or <c>given</c> for a list among the options.</summary>
    public string Source { get; init; } = "given";

    /// <summary>Where the recipe comes from, for messages.</summary>
    [JsonIgnore]
    public string Origin { get; init; } = "recipe";

    /// <summary>A recipe that deletes nothing.</summary>
    public static Recipe Zero(int layers, int visualTokens) => new()
    {
        Layers = layers,
        BaseVisualTokens = visualTokens,
        Delete = new int[layers],
        Origin = "recipe of 0 %",
    };

    /// <summary>The deletions for a sample of <paramref name="visualTokens"/> tokens: <c>trunc(k * N / N_base)</c>.</summary>
    public int[] ScaledTo(int visualTokens)
        => BaseVisualTokens == 0 || visualTokens == BaseVisualTokens
            ? Delete
            : Array.ConvertAll(Delete, k => (int)((long)k * visualTokens / (double)BaseVisualTokens));

    /// <summary>
    /// The recipe for a model of another depth: the curve of deleted tokens over relative depth is read, with linear interpolation, at the model's layers.
    /// The sum stays what it is.
    /// </summary>
    public Recipe StretchedTo(int layers)
    {
        if (layers == Layers || Layers == 0)
        {
            return this;
        }

        double DeletedAt(double depth)
        {
            int whole = Math.Min((int)depth, Layers);
            double sum = Delete.Take(whole).Sum();
            return whole < Layers ? sum + ((depth - whole) * Delete[whole]) : sum;
        }

        int[] delete = new int[layers];
        int before = 0;
        for (int layer = 0; layer < layers; layer++)
        {
            int until = (int)Math.Round(DeletedAt((layer + 1) * Layers / (double)layers));
            delete[layer] = until - before;
            before = until;
        }

        return this with { Layers = layers, Delete = delete, Origin = $"{Origin}, stretched to {layers} layers" };
    }

    /// <summary>Checks the recipe by itself.</summary>
    /// <exception cref="ApertureException">Wrong length, negative entry, or more deletions than tokens.</exception>
    public Recipe Checked()
    {
        if (Delete is null || Delete.Length != Layers)
        {
            throw FitPruneOptions.Error($"{Origin} says {Layers} layers but has {Delete?.Length ?? 0} entries; give one a layer");
        }

        for (int layer = 0; layer < Delete.Length; layer++)
        {
            if (Delete[layer] < 0)
            {
                throw FitPruneOptions.Error($"{Origin} deletes {Delete[layer]} tokens in layer {layer}; entries must be 0 or more");
            }
        }

        long sum = Delete.Sum(k => (long)k);
        if (BaseVisualTokens < 0 || (BaseVisualTokens > 0 && sum > BaseVisualTokens))
        {
            throw FitPruneOptions.Error($"{Origin} deletes {sum} of {BaseVisualTokens} visual tokens; the sum may not exceed them");
        }

        return this;
    }

    /// <summary>Checks that the recipe fits a model's number of layers.</summary>
    /// <exception cref="ApertureException">It does not.</exception>
    public Recipe CheckedFor(int layers, string model)
        => Layers == layers
            ? this
            : throw FitPruneOptions.Error($"{Origin} has {Layers} layers but {model} has {layers}; fit a recipe for this model or name another");
}
