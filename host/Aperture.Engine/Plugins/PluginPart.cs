namespace Aperture.Plugins;

/// <summary>A part of a plugin, as the doctor sees it.</summary>
/// <param name="Kind">What it is to the host.</param>
/// <param name="Name">The assembly's name, or the file's.</param>
/// <param name="Version">The version in the folder, or the one the plugin was built against; null where there is none.</param>
/// <param name="HostVersion">The host's version; null where it has none.</param>
/// <param name="Note">What it means, and who asks for it; empty if nothing need be said.</param>
public sealed record PluginPart(PluginPartKind Kind, string Name, Version? Version, Version? HostVersion, string Note);
