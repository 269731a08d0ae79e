namespace Aperture.Plugins;

/// <summary>What a part of a plugin is to the host.</summary>
public enum PluginPartKind
{
    /// <summary>The plugin's own DLL.</summary>
    Entry,

    /// <summary>An assembly that host and plugins share; the host's copy is used.</summary>
    Shared,

    /// <summary>An assembly that is neither in the folder nor shared, but that the host has and lends.</summary>
    Lent,

    /// <summary>An assembly of the plugin's own.</summary>
    Private,

    /// <summary>A native library of the plugin's own.</summary>
    Native,

    /// <summary>An assembly that is neither in the folder nor in the host.</summary>
    Missing,

    /// <summary>The plugin was built against a newer version than the host's.</summary>
    Newer,

    /// <summary>A copy of something that may exist once in a process only.</summary>
    Forbidden,

    /// <summary>A file that should be an assembly and is not.</summary>
    Broken,
}
