using System.Globalization;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;

namespace Aperture.Plugins.FitPrune;

/// <summary>Finds the recipe that options mean: named, given, beside the model, or official.</summary>
internal static class RecipeLookup
{
    /// <summary>The folder beside a model's weights that holds its fitted recipes.</summary>
    public const string Folder = "fitprune";
    private const string OfficialPrefix = "official:";

    public static Recipe Find(FitPruneOptions options, DecoderInfo decoder, IMethodFiles files)
    {
        Recipe recipe = options.Recipe switch
        {
            { ValueKind: JsonValueKind.Array } list => Given(list),
            { ValueKind: JsonValueKind.String } name => Named(name.GetString()!, files),
            _ => OfPercent(options.Percent(), decoder, files),
        };
        recipe = options.ScaleToLayers ? recipe.StretchedTo(decoder.Layers) : recipe;
        return recipe.CheckedFor(decoder.Layers, decoder.Model);
    }

    /// <summary>The file name of a recipe of this reduction.</summary>
    public static string FileName(double percent) => percent.ToString("0.######", CultureInfo.InvariantCulture) + RecipeFile.Extension;

    private static Recipe Given(JsonElement list)
    {
        List<int> delete = [];
        foreach (JsonElement entry in list.EnumerateArray())
        {
            delete.Add(entry.ValueKind == JsonValueKind.Number && entry.TryGetInt32(out int k)
                ? k
                : throw FitPruneOptions.Error($"Recipe has the entry {entry.GetRawText()}; entries are whole numbers, one a layer"));
        }

        return new Recipe { Layers = delete.Count, Delete = [.. delete], Origin = "the given recipe" }.Checked();
    }

    private static Recipe Named(string name, IMethodFiles files)
    {
        if (RecipeFile.IsPrinted(name))
        {
            return RecipeFile.ParsePrinted(name, "the given recipe");
        }

        IReadOnlyList<Recipe> official = OfficialRecipes.All();
        bool prefixed = name.StartsWith(OfficialPrefix, StringComparison.OrdinalIgnoreCase);
        string wanted = prefixed ? name[OfficialPrefix.Length..] : name;
        if (official.FirstOrDefault(r => string.Equals(OfficialRecipes.NameOf(r), wanted, StringComparison.OrdinalIgnoreCase)) is { } found)
        {
            return found;
        }

        return prefixed
            ? throw FitPruneOptions.Error($"there is no official recipe '{wanted}'; there are {string.Join(", ", official.Select(OfficialRecipes.NameOf))}")
            : RecipeFile.Read(files.Resolve(name));
    }

    private static Recipe OfPercent(double percent, DecoderInfo decoder, IMethodFiles files)
    {
        if (percent == 0)
        {
            return Recipe.Zero(decoder.Layers, decoder.VisualTokens);
        }

        string? folder = files.ModelFolder is { } model ? Path.Combine(model, Folder) : null;
        if (folder is not null && Path.Combine(folder, FileName(percent)) is { } beside && File.Exists(beside))
        {
            return RecipeFile.Read(beside);
        }

        IReadOnlyList<Recipe> official = OfficialRecipes.For(decoder);
        return official.FirstOrDefault(r => Math.Abs((r.TargetReduction * 100) - percent) < 1e-6)
            ?? throw FitPruneOptions.Error(
                $"{decoder.Model} has no recipe of {percent.ToString("0.######", CultureInfo.InvariantCulture)} %; {Available(folder, official)}");
    }

    private static string Available(string? folder, IReadOnlyList<Recipe> official)
    {
        IEnumerable<double> beside = folder is not null && Directory.Exists(folder)
            ? from file in Directory.EnumerateFiles(folder, "*" + RecipeFile.Extension)
              let name = Path.GetFileName(file)[..^RecipeFile.Extension.Length]
              where double.TryParse(name, CultureInfo.InvariantCulture, out _)
              select double.Parse(name, CultureInfo.InvariantCulture)
            : [];
        double[] percents = [.. beside.Concat(official.Select(r => Math.Round(r.TargetReduction * 100))).Distinct().Order()];
        return percents.Length == 0
            ? "fit one for this model, or give Recipe a file or one number a layer"
            : $"there are {string.Join(", ", percents.Select(p => p.ToString("0.######", CultureInfo.InvariantCulture)))}, or fit one";
    }
}
