using Aperture.Pipelines;

namespace Aperture.Plugins;

/// <summary>What the doctor found in a plugin's folder, without loading anything of it.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Folder">The folder.</param>
/// <param name="EntryAssembly">The plugin's DLL, full path; null if there is none.</param>
/// <param name="EntryType">The full name of the entry type; null if there is none that could be made.</param>
/// <param name="Parts">What the folder holds and what it needs, without the .NET runtime's own assemblies.</param>
/// <param name="Failure">Why the host would refuse it; null if it would load it.</param>
/// <param name="Pins">What it uses that is known to keep a plugin in memory after unloading.</param>
public sealed record PluginReport(
    string Plugin,
    string Folder,
    string? EntryAssembly,
    string? EntryType,
    IReadOnlyList<PluginPart> Parts,
    PluginFailure? Failure,
    IReadOnlyList<string> Pins)
{
    /// <summary>Writes the report as text, one line a part, and whether the host would refuse the plugin.</summary>
    /// <param name="output">Where to.</param>
    public void WriteTo(TextWriter output)
    {
        WritePartsTo(output);
        output.WriteLine(Failure is null ? "  The host loads it." : $"  Refused: {Failure.Message}");
    }

    internal void WritePartsTo(TextWriter output)
    {
        output.WriteLine($"{Plugin}: {Folder}");
        if (EntryType is not null)
        {
            output.WriteLine($"  entry type {EntryType}");
        }

        int width = Parts.Count == 0 ? 0 : Parts.Max(part => part.Name.Length);
        foreach (PluginPart part in Parts)
        {
            string line = $"  {part.Kind.ToString().ToLowerInvariant(),-9}  {part.Name.PadRight(width)}  {part.Version?.ToString() ?? "",-10}  {part.Note}";
            output.WriteLine(line.TrimEnd());
        }

        foreach (string pin in Pins)
        {
            output.WriteLine($"  warning: uses {pin}, which keeps a plugin in memory after unloading.");
        }
    }
}
