using System.Runtime.CompilerServices;
using Aperture.Models;
using Microsoft.Extensions.DependencyInjection;

namespace Aperture.Plugins;

/// <summary>What happened when a plugin was loaded on trial and unloaded again.</summary>
/// <param name="Report">What its folder holds.</param>
/// <param name="Failure">Why it does not load; null if it does.</param>
/// <param name="Parts">What it offers, a line each; empty if it does not load.</param>
/// <param name="Unload">How it left memory; null if it was never in it.</param>
public sealed record PluginTrial(PluginReport Report, PluginFailure? Failure, IReadOnlyList<string> Parts, PluginUnload? Unload)
{
    /// <summary>
    /// Assemblies that the plugin's own DLL, or its <c>.deps.json</c>, asks for and that neither the folder nor the host has: the code that needs them would
    /// throw when it is reached. What a library asks for without its package bringing it along is not counted.
    /// </summary>
    public IReadOnlyList<PluginPart> Missing { get; init; } = [];

    /// <summary>Whether nothing is wrong.</summary>
    public bool IsSound => Failure is null && Missing.Count == 0 && Unload is PluginUnload.Unloaded { DisposeError: null };

    /// <summary>Loads a plugin from its folder into a context of its own, makes what it registers, and unloads it.</summary>
    /// <param name="folder">The plugin's folder.</param>
    /// <param name="plugin">Its id; null: the folder's name.</param>
    /// <param name="options">Settings of the host that it is loaded into; null: the defaults.</param>
    public static async Task<PluginTrial> RunAsync(string folder, string? plugin = null, PluginHostOptions? options = null)
    {
        PluginReport report = new PluginDoctor().Examine(folder, plugin);
        PluginPart[] missing = [.. report.Parts.Where(part => part.Kind == PluginPartKind.Missing && IsNeeded(report, part))];
        if (report.Failure is not null)
        {
            return new PluginTrial(report, report.Failure, [], null) { Missing = missing };
        }

        PluginEntry entry = new(report.Plugin, report.Folder);
        await using PluginHost host = new(new PluginCatalog([entry]), options);
        if (host.Load(entry.Id) is { } failure)
        {
            return new PluginTrial(report, failure, [], null) { Missing = missing };
        }

        IReadOnlyList<string> parts = Offered(host, out PluginFailure? unmade);
        return new PluginTrial(report, unmade, parts, await host.UnloadAsync(entry.Id).ConfigureAwait(false)) { Missing = missing };
    }

    /// <summary>Writes the folder's report, then what happened.</summary>
    /// <param name="output">Where to.</param>
    public void WriteTo(TextWriter output)
    {
        Report.WritePartsTo(output);
        foreach (PluginPart part in Missing)
        {
            output.WriteLine($"  Missing: {part.Name} {part.Version}, {part.Note}; copy the whole build output of the plugin, with its own dependencies.");
        }

        if (Failure is not null)
        {
            output.WriteLine($"  Refused: {Failure.Message}");
            foreach (string frame in Failure.Frames)
            {
                output.WriteLine($"    {frame}");
            }

            return;
        }

        output.WriteLine($"  Loaded: {(Parts.Count == 0 ? "it offers nothing" : string.Join(", ", Parts))}.");
        output.WriteLine($"  {Unload!.Message}");
    }

    // Nothing of the plugin may be left in the frame of the caller, which unloads it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static IReadOnlyList<string> Offered(PluginHost host, out PluginFailure? failure)
    {
        PluginStatus status = host.Plugins[0];
        using PluginLease lease = host.Lease(status.Entry.Id);
        failure = null;
        List<string> parts =
        [
            .. status.Methods.Select(method => $"method {method.Name}"),
            .. status.Tasks.Select(task => $"{task.Kind} {task.Name}"),
            .. lease.Commands.Select(command => $"command {command.Name}"),
        ];
        try
        {
            parts.AddRange(lease.Services.GetKeyedServices<IModelFamily>(KeyedService.AnyKey).Select(family => $"model family {family.Name}"));
            parts.AddRange(lease.Services.GetKeyedServices<IVisionEncoderFactory>(KeyedService.AnyKey).Select(encoder => $"vision encoder {encoder.Name}"));
        }
        catch (Exception error)
        {
            failure = new PluginFailure.FamilyThrew(
                status.Entry.Id, $"{error.GetType().Name}: {error.Message.ReplaceLineEndings(" ").TrimEnd('.', ' ')}", error.ToString());
        }

        return parts;
    }

    private static bool IsNeeded(PluginReport report, PluginPart part)
    {
        string? entry = report.EntryAssembly is null ? null : Path.GetFileName(report.EntryAssembly);
        string listing = Path.ChangeExtension(report.EntryAssembly, ".deps.json") ?? "";
        return (entry is not null && part.Note.Contains($"asked for by {entry};", StringComparison.Ordinal))
            || (File.Exists(listing) && File.ReadAllText(listing).Contains($"{part.Name}.dll\"", StringComparison.OrdinalIgnoreCase));
    }
}
