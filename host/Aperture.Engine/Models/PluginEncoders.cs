using System.Text.Json;
using Aperture.Pipelines;
using Aperture.Plugins;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Models;

/// <summary>The vision encoders of all enabled plugins. A plugin whose encoder was opened is held until the model is disposed.</summary>
/// <param name="plugins">The plugins; borrowed.</param>
/// <param name="options">What the user set about the encoder, a JSON object; undefined for nothing.</param>
internal sealed class PluginEncoders(PluginHost plugins, JsonElement options) : IVisionEncoders
{
    /// <summary>Whether an encoder was opened, which the user's options went to.</summary>
    public bool IsUsed { get; private set; }

    /// <inheritdoc />
    public VisionEncoderParts? Find(EncoderCheckpoint checkpoint, ModelOpening opening)
    {
        using PartSearch<IVisionEncoderFactory> search = new(plugins);
        foreach ((PluginLease lease, IVisionEncoderFactory factory) in search.All())
        {
            if (factory.Recognises(checkpoint))
            {
                return Open(search, lease, factory, checkpoint, opening);
            }
        }

        return null;
    }

    /// <inheritdoc />
    public VisionEncoderParts Open(string name, EncoderCheckpoint checkpoint, ModelOpening opening)
    {
        using PartSearch<IVisionEncoderFactory> search = new(plugins);
        List<string> known = [];
        foreach ((PluginLease lease, IVisionEncoderFactory factory) in search.All())
        {
            known.Add(factory.Name);
            if (string.Equals(factory.Name, name, StringComparison.OrdinalIgnoreCase))
            {
                return Open(search, lease, factory, checkpoint, opening);
            }
        }

        throw Unknown(name, known, search.Failures);
    }

    private VisionEncoderParts Open(
        PartSearch<IVisionEncoderFactory> search, PluginLease lease, IVisionEncoderFactory factory, EncoderCheckpoint checkpoint, ModelOpening opening)
    {
        opening.Keep(search.Take(lease)); // before the encoder, so that it is given back behind it
        IsUsed = true;
        string[] names = [.. lease.Services.GetKeyedServices<IVisionEncoderFactory>(KeyedService.AnyKey).Select(own => own.Name)];
        return factory.Open(checkpoint, opening, PluginDefaults.Apply(factory.Name, names, lease.Entry.Options, options));
    }

    private ApertureException Unknown(string name, List<string> known, IReadOnlyList<string> failures)
    {
        PluginEntry? off = plugins.Catalog.Entries.FirstOrDefault(entry => !entry.Enabled && string.Equals(entry.Id, name, StringComparison.OrdinalIgnoreCase));
        string there = known.Count == 0 ? "there is none" : $"there are {string.Join(", ", known)}";
        string mend = off is null
            ? "install and enable the plugin that offers it"
            : $"plugin '{off.Id}' is off; set its enabled to true in {plugins.Catalog.Source}";
        return new ApertureException(
            string.Join(" ", [$"The model needs the vision encoder '{name}', which no enabled plugin offers ({there}); {mend}.", .. failures]));
    }
}
