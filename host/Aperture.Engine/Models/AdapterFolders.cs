using Aperture.Hub;

namespace Aperture.Models;

/// <summary>Finds what belongs together where a LoRA adapter is in play: the folder that says what the model is, its base, and the adapter.</summary>
internal static class AdapterFolders
{
    /// <summary>The folder to open and the adapter to merge.</summary>
    /// <param name="path">What the user named.</param>
    /// <param name="adapter">The adapter that the user named; null for none.</param>
    /// <param name="cache">Where downloaded models lie.</param>
    /// <returns>The folder, with its base where it holds no weights itself, and the adapter's folder; null without one.</returns>
    /// <exception cref="ApertureException">There is no such adapter, or its base is not on this machine.</exception>
    public static (ModelFolder Folder, string? Adapter) Find(string path, string? adapter, HubCache cache)
    {
        if (adapter is not null)
        {
            string own = Directory.Exists(adapter) ? Path.GetFullPath(adapter)
                : HubRepo.IsId(adapter) && cache.Find(HubRepo.Parse(adapter)) is { } fetched ? fetched
                : throw new ApertureException($"There is no adapter '{adapter}': it is neither a folder nor a hub id fetched with 'aperture pull'.");
            return CheckpointWeights.IsAdapter(own) ? (Over(own, path), own)
                : throw new ApertureException($"'{own}' is no LoRA adapter: it has no adapter_config.json; name the folder that PEFT wrote.");
        }

        if (!CheckpointWeights.IsAdapter(path))
        {
            return (new ModelFolder(path), null);
        }

        string self = Path.GetFullPath(path);
        return CheckpointWeights.AreIn(self) ? (new ModelFolder(self), self) : (Over(self, Base(self, cache)), self);
    }

    // LLaVA's LoRA folders say themselves what the model is; others leave it to the base.
    private static ModelFolder Over(string adapter, string basePath)
        => File.Exists(Path.Combine(adapter, ModelFolder.ConfigFile)) && Path.GetFullPath(basePath) != adapter
            ? new ModelFolder(adapter, basePath)
            : new ModelFolder(basePath);

    private static string Base(string adapter, HubCache cache)
    {
        string name = CheckpointWeights.BaseOf(adapter)
            ?? throw new ApertureException(
                $"'{adapter}' is a LoRA adapter that names no base (base_model_name_or_path); ask the base with --adapter {adapter}.");
        string shortName = name[(name.LastIndexOf('/') + 1)..], parent = Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(adapter)) ?? adapter;
        string? found = HubRepo.IsId(name) ? cache.Find(HubRepo.Parse(name)) : null;
        string[] places = [.. Path.IsPathRooted(name) ? [name] : Array.Empty<string>(), Path.Combine(adapter, shortName), Path.Combine(parent, shortName)];
        return found ?? Array.Find(places, place => shortName.Length > 0 && Directory.Exists(place) && Path.GetFullPath(place) != adapter)
            ?? throw new ApertureException(
                $"'{adapter}' is a LoRA adapter for '{name}', which is neither on this machine nor beside the folder; fetch it with 'aperture pull {name}', or "
                + $"ask a base with --adapter {adapter}.");
    }
}
