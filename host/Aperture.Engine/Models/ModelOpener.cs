using System.Diagnostics;
using Aperture.Hub;
using Aperture.Plugins;
using static TorchSharp.torch;

namespace Aperture.Models;

/// <summary>Opens models: asks the families of all plugins which of them knows a folder, and assembles what it gives.</summary>
/// <param name="plugins">The plugins; borrowed.</param>
/// <param name="cache">Where downloaded models lie.</param>
public sealed class ModelOpener(PluginHost plugins, HubCache cache)
{
    /// <summary>
    /// What checkpoints of half precision are computed in on the CPU with a number of threads, where nobody names an element type; null goes by what the
    /// processor says of itself.
    /// </summary>
    public Func<int, ScalarType>? HalfType { get; init; }

    /// <summary>Opens a folder.</summary>
    /// <param name="path">The folder.</param>
    /// <param name="options">How to open it.</param>
    /// <param name="cancellationToken">Checked between tensors.</param>
    /// <exception cref="ApertureException">No family knows it, a file is missing or damaged, or the device is not there.</exception>
    public Model Open(string path, ModelOptions options, CancellationToken cancellationToken)
    {
        long started = Stopwatch.GetTimestamp();
        Device device = Devices.Parse(options.Device);
        if (!Directory.Exists(path))
        {
            throw new ApertureException(
                $"There is no folder '{path}'; name a checkpoint folder, a shipped model such as tiny-llava, or a hub id fetched with 'aperture pull'.");
        }

        if (options.Threads > 0)
        {
            set_num_threads(options.Threads);
        }

        (ModelFolder folder, string? adapter) = AdapterFolders.Find(path, options.Adapter, cache);
        (PluginLease lease, IModelFamily family) = Find(folder, options.Family);
        PluginEncoders encoders = new(plugins, options.Encoder is { } encoder ? MethodUse.Parse($"encoder:{encoder}").Options : default);
        ModelOpening opening = new(device, options.ScalarType, options.Threads, cancellationToken)
        {
            Weights = options.Format,
            Cache = options.CacheFormat,
            Watch = options.Watch,
            HalfType = HalfType is { } half ? () => half(options.Threads > 0 ? options.Threads : get_num_threads()) : null,
            Tower = options.Tower,
            Adapters = options.Adapters,
            Adapter = adapter,
            CutPrompt = options.CutPrompt,
            Prompt = options.Prompt,
            Aspect = options.Aspect,
            Encoders = encoders,
            FindRepository = id => HubRepo.IsId(id) ? cache.Find(HubRepo.Parse(id)) : null,
        };
        try
        {
            ModelParts parts = family.Open(folder, opening);
            return options.Encoder is null || encoders.IsUsed
                ? Model.Assemble(folder.Name, parts, opening, new ModelOrigin(family.Name, folder.Path, started) { Lease = lease })
                : throw new ApertureException(
                    $"{folder.Name} has no vision encoder that takes options, but '{options.Encoder}' is set (--encoder, ModelOptions.Encoder); leave it out.");
        }
        catch
        {
            opening.Dispose();
            lease.Dispose();
            throw;
        }
    }

    /// <summary>All families of all plugins, described with the host's own objects.</summary>
    /// <param name="failures">One line for each plugin that did not load, or whose families could not be made.</param>
    public IReadOnlyList<FamilyDescription> Families(out IReadOnlyList<string> failures)
    {
        using PartSearch<IModelFamily> search = new(plugins);
        FamilyDescription[] families =
        [
            .. search.All().Select(found => new FamilyDescription(found.Part.Name, found.Lease.Entry.Id, found.Part.Summary, [.. found.Part.Recognised])),
        ];
        failures = search.Failures;
        return families;
    }

    private (PluginLease Lease, IModelFamily Family) Find(ModelFolder folder, string? named)
    {
        using PartSearch<IModelFamily> search = new(plugins);
        (PluginLease Lease, IModelFamily Part)? best = null;
        FamilyMatch surest = FamilyMatch.None;
        List<string> known = [];
        foreach ((PluginLease lease, IModelFamily family) in search.All())
        {
            known.Add(family.Name);
            FamilyMatch match = named is null
                ? Look(family, folder, lease)
                : string.Equals(named, family.Name, StringComparison.OrdinalIgnoreCase)
                ? FamilyMatch.Named
                : FamilyMatch.None;
            if (match > surest)
            {
                (best, surest) = ((lease, family), match);
            }

            if (surest == FamilyMatch.Named)
            {
                break;
            }
        }

        return best is { } found ? (search.Take(found.Lease), found.Part) : throw Unknown(folder, named, known, search.Failures);
    }

    // A family that breaks on a folder is named: it may be why the folder's own family is never asked.
    private static FamilyMatch Look(IModelFamily family, ModelFolder folder, PluginLease lease)
    {
        try
        {
            return family.Recognises(folder);
        }
        catch (Exception e) when (e is not (ApertureException or OperationCanceledException))
        {
            string message = $"{e.GetType().Name}: {e.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ')}";
            throw new ApertureException(
                $"Plugin '{lease.Entry.Id}': its model family '{family.Name}' looked at '{folder.Path}' and threw {message}; name the folder's family "
                + "(--family, ModelOptions.Family) or leave the plugin out.",
                e);
        }
    }

    private static ApertureException Unknown(ModelFolder folder, string? named, List<string> known, IReadOnlyList<string> failures)
    {
        string families = known.Count == 0 ? "there is no family" : $"there are {string.Join(", ", known)}";
        string what = named is not null ? $"There is no model family '{named}'; {families}"
            : folder.Architecture is { } architecture ? $"'{folder.Path}' holds a {architecture}, which no model family recognises; {families}"
            : folder.Has(ModelFolder.ConfigFile)
                ? $"config.json of '{folder.Path}' names neither architectures nor model_type, and no model family recognises it; {families}"
            : $"Folder '{folder.Path}' has no config.json and no model family recognises its files; {families}";
        return new ApertureException(string.Join(" ", [$"{what} (aperture models list shows what they recognise).", .. failures]));
    }
}

/// <summary>A model family, for lists.</summary>
/// <param name="Name">The name users write.</param>
/// <param name="Plugin">Id of the plugin it comes from.</param>
/// <param name="Summary">One line.</param>
/// <param name="Recognised">What it recognises.</param>
public sealed record FamilyDescription(string Name, string Plugin, string Summary, IReadOnlyList<string> Recognised);
