namespace Aperture.Plugins;

/// <summary>The version of the contracts. A plugin built against a newer one than the host's is refused before it is loaded.</summary>
public static class PluginContract
{
    /// <summary>The version, raised whenever a contract changes. Equal to the assembly version of Aperture.Abstractions.</summary>
    public const string Version = "2.3.0";
}
