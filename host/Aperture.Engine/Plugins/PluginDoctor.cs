using System.Reflection;

namespace Aperture.Plugins;

/// <summary>
/// Examines a plugin's folder without loading anything of it: what is shared with the host, private, missing, newer than the host, or forbidden. The host asks
/// it before every load, because two of these mistakes cannot be caught afterwards: a second libtorch aborts the process, and a plugin built for newer
/// contracts silently implements nothing.
/// </summary>
public sealed class PluginDoctor
{
    private static readonly EnumerationOptions _everything = new()
    {
        RecurseSubdirectories = true,
        MaxRecursionDepth = 16,
        AttributesToSkip = FileAttributes.None,
    };

    private readonly SharedAssemblies _host = new();

    /// <summary>Examines a folder.</summary>
    /// <param name="folder">The plugin's folder.</param>
    /// <param name="plugin">The plugin's id for messages; null: the folder's name.</param>
    public PluginReport Examine(string folder, string? plugin = null)
    {
        folder = Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder));
        plugin ??= Path.GetFileName(folder);
        if (!Directory.Exists(folder))
        {
            return new PluginReport(plugin, folder, null, null, [], new PluginFailure.FolderMissing(plugin, folder), []);
        }

        string[] files = [.. Directory.EnumerateFiles(folder, "*", _everything).Order(StringComparer.Ordinal)];
        string? entryFile = FindEntry(folder, files);
        List<ScannedAssembly> scanned = [.. files.Where(IsDll).Select(file => ScannedAssembly.Read(folder, file))];
        ScannedAssembly? entry = scanned.FirstOrDefault(part => entryFile is not null && part.File == Path.GetRelativePath(folder, entryFile));

        List<string> torch = [.. files.Where(IsTorch).Select(file => Path.GetRelativePath(folder, file))];
        torch.AddRange(scanned.Where(part => part.Name == "TorchSharp").Select(part => part.File).Except(torch));
        List<string> copies = [.. scanned.Where(part => IsSharedCopy(part) && !torch.Contains(part.File)).Select(part => part.File)];

        List<PluginPart> parts = [];
        parts.AddRange(
            torch.Concat(copies).Select(
                file
                    => new PluginPart(
                        PluginPartKind.Forbidden, file, scanned.Find(part => part.File == file)?.Version, null, "the host's copy must be the only one")));
        parts.AddRange(scanned.Where(part => !torch.Contains(part.File) && !copies.Contains(part.File)).Select(part => Own(part, entry)));
        parts.AddRange(
            files.Where(file => IsNative(file) && !IsTorch(file))
                .Select(file => new PluginPart(PluginPartKind.Native, Path.GetRelativePath(folder, file), null, null, "")));
        List<PluginPart> references = References(scanned);
        parts.AddRange(references);

        PluginFailure? failure = Judge(plugin, folder, entryFile, entry, torch, copies, references);
        string[] pins = [.. scanned.SelectMany(part => part.Pins).Distinct()];
        return new PluginReport(
            plugin, folder, entryFile, entry is { EntryTypes: [string only] } ? only : null, [.. parts.OrderBy(part => part.Kind)], failure, pins);
    }

    /// <summary>The DLL of a folder that would be the plugin, by its name alone; null if there is none.</summary>
    /// <param name="folder">The folder.</param>
    internal static string? EntryOf(string folder)
        => Directory.Exists(folder)
            ? FindEntry(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)), Directory.GetFiles(Path.GetFullPath(folder)))
            : null;

    // In the order in which a user would want to mend them; the torch ones first, because nothing else matters while the process would abort.
    private static PluginFailure? Judge(
        string plugin, string folder, string? entryFile, ScannedAssembly? entry, List<string> torch, List<string> copies, List<PluginPart> references)
    {
        if (torch.Count > 0)
        {
            return new PluginFailure.OwnTorch(plugin, torch);
        }

        if (copies.Count > 0)
        {
            return new PluginFailure.OwnSharedAssembly(plugin, copies);
        }

        if (entryFile is null || entry is null)
        {
            return new PluginFailure.FileMissing(plugin, folder);
        }

        if (entry.Name is null)
        {
            return new PluginFailure.BadImage(plugin, entryFile, entry.Broken ?? "a native library");
        }

        if (references.Find(part => part.Kind == PluginPartKind.Newer) is { } newer)
        {
            return new PluginFailure.NewerThanHost(plugin, newer.Name, newer.Version!, newer.HostVersion!);
        }

        return entry.EntryTypes.Count switch
        {
            0 => new PluginFailure.NoEntryType(plugin, entry.File, entry.UnusableEntryTypes),
            1 => null,
            _ => new PluginFailure.SeveralEntryTypes(plugin, entry.File, entry.EntryTypes),
        };
    }

    private static PluginPart Own(ScannedAssembly part, ScannedAssembly? entry) => part switch
    {
        { Broken: { } reason } => new PluginPart(PluginPartKind.Broken, part.File, null, null, reason),
        { Name: null } => new PluginPart(PluginPartKind.Native, part.File, null, null, ""),
        _ => new PluginPart(part == entry ? PluginPartKind.Entry : PluginPartKind.Private, part.Name, part.Version, null, ""),
    };

    // One part for each assembly that something in the folder refers to and that is not in it: the highest version asked for, and by whom.
    private List<PluginPart> References(List<ScannedAssembly> scanned)
    {
        HashSet<string> own = new(
            scanned.Select(part => part.Name).OfType<string>().Where(name => !SharedAssemblies.IsShared(name)), StringComparer.OrdinalIgnoreCase);
        List<PluginPart> parts = [];
        IEnumerable<IGrouping<string, (ScannedAssembly By, AssemblyName Reference)>> wanted = scanned
            .SelectMany(part => part.References.Select(reference => (By: part, Reference: reference)))
            .Where(pair => !own.Contains(pair.Reference.Name!))
            .GroupBy(pair => pair.Reference.Name!, StringComparer.OrdinalIgnoreCase)
            .OrderBy(group => group.Key, StringComparer.OrdinalIgnoreCase);
        foreach (IGrouping<string, (ScannedAssembly By, AssemblyName Reference)> group in wanted)
        {
            (ScannedAssembly by, AssemblyName reference) = group.MaxBy(pair => pair.Reference.Version);
            Version? version = reference.Version;
            Version? host = _host.VersionOf(group.Key);
            bool shared = SharedAssemblies.IsShared(group.Key);
            bool framework = _host.IsFramework(group.Key);
            if (host is null)
            {
                parts.Add(new PluginPart(PluginPartKind.Missing, group.Key, version, null, $"asked for by {by.File}; neither in the folder nor in the host"));
            }
            else if (version > host && (shared || group.Key == "System.Runtime"))
            {
                parts.Add(new PluginPart(PluginPartKind.Newer, group.Key, version, host, $"asked for by {by.File}; the host has {host}"));
            }
            else if (version > host)
            {
                parts.Add(new PluginPart(PluginPartKind.Missing, group.Key, version, host, $"asked for by {by.File}; the host has only {host}"));
            }
            else if (!framework)
            {
                parts.Add(
                    new PluginPart(
                        shared ? PluginPartKind.Shared : PluginPartKind.Lent, group.Key, version, host, version == host ? "" : $"the host has {host}"));
            }
        }

        return parts;
    }

    // The DLL named as the folder, else the only one that the build wrote a .deps.json for.
    private static string? FindEntry(string folder, string[] files)
    {
        string named = Path.Combine(folder, Path.GetFileName(folder) + ".dll");
        if (files.Contains(named))
        {
            return named;
        }

        string[] built =
        [
            .. files.Where(file => Path.GetDirectoryName(file) == folder && IsDll(file) && files.Contains(Path.ChangeExtension(file, ".deps.json"))),
        ];
        return built is [string only] ? only : null;
    }

    private static bool IsSharedCopy(ScannedAssembly part) =>
        (part.Name is not null && SharedAssemblies.IsShared(part.Name)) || SharedAssemblies.IsShared(Path.GetFileNameWithoutExtension(part.File));

    private static bool IsDll(string file) => file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);

    private static bool IsNative(string file)
    {
        string name = Path.GetFileName(file);
        return name.EndsWith(".so", StringComparison.Ordinal)
            || name.Contains(".so.", StringComparison.Ordinal)
            || name.EndsWith(".dylib", StringComparison.Ordinal);
    }

    // By name: libtorch's natives on the three systems, TorchSharp and its bridge.
    private static bool IsTorch(string file)
    {
        string name = Path.GetFileName(file);
        return (IsNative(file) || IsDll(file))
            && (name.StartsWith("libtorch", StringComparison.OrdinalIgnoreCase) || name.StartsWith("libc10", StringComparison.OrdinalIgnoreCase)
                || name.Equals("TorchSharp.dll", StringComparison.OrdinalIgnoreCase) || name.Contains("LibTorchSharp", StringComparison.OrdinalIgnoreCase)
                || name.Equals("c10.dll", StringComparison.OrdinalIgnoreCase)
                || name.StartsWith("torch_c", StringComparison.OrdinalIgnoreCase)
                || name.Equals("torch.dll", StringComparison.OrdinalIgnoreCase));
    }
}
