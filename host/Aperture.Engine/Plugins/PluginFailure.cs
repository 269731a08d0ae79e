using Aperture.Pipelines;
using Aperture.Tasks;

namespace Aperture.Plugins;

/// <summary>
/// Why a plugin did not load: a closed set of causes. Each holds text only, never an object of the plugin, so that a failure pins nothing.
/// </summary>
public abstract record PluginFailure
{
    private PluginFailure(string plugin) => Plugin = plugin;

    /// <summary>The plugin's id.</summary>
    public string Plugin { get; }

    /// <summary>One line: what happened, with which value, how to mend it.</summary>
    public abstract string Message { get; }

    /// <summary>Where in the plugin it happened: the first lines of the stack; empty where it did not throw.</summary>
    public IReadOnlyList<string> Frames => this switch
    {
        ConstructorThrew { Details: var details } => FramesOf(details),
        RegisterThrew { Details: var details } => FramesOf(details),
        FamilyThrew { Details: var details } => FramesOf(details),
        _ => [],
    };

    /// <summary>The plugin's folder does not exist.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Folder">The folder looked for.</param>
    public sealed record FolderMissing(string Plugin, string Folder) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message
            => $"Plugin '{Plugin}': there is no folder {Folder}; correct \"folder\" in plugins.json or copy the plugin's build output there.";
    }

    /// <summary>The folder holds no DLL that could be the plugin.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Folder">The folder looked in.</param>
    public sealed record FileMissing(string Plugin, string Folder) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}': {Folder} holds neither {Path.GetFileName(Folder)}.dll nor exactly one DLL with a .deps.json beside it; copy the whole build "
            + "output of a project with <EnableDynamicLoading>true</EnableDynamicLoading> there.";
    }

    /// <summary>The plugin's DLL is not a .NET assembly that this process can load.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="File">The DLL.</param>
    /// <param name="Reason">What is wrong with it.</param>
    public sealed record BadImage(string Plugin, string File, string Reason) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message
            => $"Plugin '{Plugin}': {File} is not a loadable .NET assembly ({Reason}); build it as a class library for net10.0 with "
                + "<PlatformTarget>AnyCPU</PlatformTarget> and copy it again.";
    }

    /// <summary>
    /// The folder carries a copy of an assembly that host and plugin must share. Two copies give every type in it two identities, and the plugin would
    /// implement nothing.
    /// </summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Files">The copies, relative to the folder.</param>
    public sealed record OwnSharedAssembly(string Plugin, IReadOnlyList<string> Files) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}' carries its own {string.Join(", ", Files)}, which the host shares; reference it with Private=\"false\" "
            + "ExcludeAssets=\"runtime\" (ProjectReference) or ExcludeAssets=\"runtime;native\" (PackageReference) and delete the copy.";
    }

    /// <summary>The folder carries a copy of TorchSharp or libtorch. Loading a second libtorch aborts the process.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Files">The copies, relative to the folder.</param>
    public sealed record OwnTorch(string Plugin, IReadOnlyList<string> Files) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}' carries its own {string.Join(", ", Files.Take(4))}{(Files.Count > 4 ? $" and {Files.Count - 4} more" : "")}; a second "
            + "libtorch aborts the process: write <PackageReference Include=\"TorchSharp\" ExcludeAssets=\"runtime;native\" /> and delete the copies.";
    }

    /// <summary>The plugin was built against a newer version of a shared assembly than the host's.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Assembly">The shared assembly; <c>Aperture.Abstractions</c> for newer contracts.</param>
    /// <param name="Built">The version the plugin was built against.</param>
    /// <param name="Host">The host's version.</param>
    public sealed record NewerThanHost(string Plugin, string Assembly, Version Built, Version Host) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}' was built against {Assembly} {Built}, the host has {Host}; update the host, or set Version=\"{Host.ToString(3)}\" on the "
            + $"plugin's reference to {Assembly} and rebuild it.";
    }

    /// <summary>The assembly has no type that could be its entry.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="File">The DLL.</param>
    /// <param name="Unusable">Types that implement the interface but cannot be made, each with the reason.</param>
    public sealed record NoEntryType(string Plugin, string File, IReadOnlyList<string> Unusable) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}': {File} has no entry type{(Unusable.Count == 0 ? "" : $" ({string.Join("; ", Unusable)})")}; add one public class with a "
            + $"parameterless constructor that implements {nameof(IAperturePlugin)}.";
    }

    /// <summary>The assembly has several entry types.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="File">The DLL.</param>
    /// <param name="Types">Their full names.</param>
    public sealed record SeveralEntryTypes(string Plugin, string File, IReadOnlyList<string> Types) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}': {File} has {Types.Count} entry types ({string.Join(", ", Types)}); keep one public class that implements "
            + $"{nameof(IAperturePlugin)} and make the others internal.";
    }

    /// <summary>The entry type's constructor threw.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Type">The entry type.</param>
    /// <param name="Error">The exception's type and message.</param>
    /// <param name="Details">The exception as text, with its stack trace.</param>
    public sealed record ConstructorThrew(string Plugin, string Type, string Error, string Details) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message
            => $"Plugin '{Plugin}': the constructor of {Type} threw {Error}; keep the constructor empty and do the work in "
                + $"{nameof(IAperturePlugin.Register)}{MissingFileHint(Error)}.";
    }

    /// <summary>The plugin's <see cref="IAperturePlugin.Register"/> threw.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Type">The entry type.</param>
    /// <param name="Error">The exception's type and message.</param>
    /// <param name="Details">The exception as text, with its stack trace.</param>
    public sealed record RegisterThrew(string Plugin, string Type, string Error, string Details) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message
            => $"Plugin '{Plugin}': {Type}.{nameof(IAperturePlugin.Register)} threw {Error}; only register services there{MissingFileHint(Error)}.";
    }

    /// <summary>Making a model family that the plugin registered threw.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Error">The exception's type and message.</param>
    /// <param name="Details">The exception as text, with its stack trace.</param>
    public sealed record FamilyThrew(string Plugin, string Error, string Details) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message => $"Plugin '{Plugin}': making its model families threw {Error}; keep their constructors from throwing.";
    }

    /// <summary>The methods that the plugin registered cannot be used.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Reason">What is wrong.</param>
    public sealed record InvalidMethods(string Plugin, string Reason) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message
            => $"Plugin '{Plugin}': {Reason}; register each method as services.AddKeyedSingleton<{nameof(IMethodFactory)}, TheFactory>(\"name\") under the "
                + $"factory's own unique {nameof(IMethodFactory.Name)}.";
    }

    /// <summary>The tasks that the plugin registered cannot be used.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Reason">What is wrong.</param>
    public sealed record InvalidTasks(string Plugin, string Reason) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}': {Reason}; register each task as services.AddKeyedSingleton<{nameof(ITaskFactory)}, TheFactory>(\"name\") "
            + $"under the factory's own unique {nameof(ITaskFactory.Name)}.";
    }

    /// <summary>The commands that the plugin registered cannot be used.</summary>
    /// <param name="Plugin">The plugin's id.</param>
    /// <param name="Reason">What is wrong.</param>
    public sealed record InvalidCommands(string Plugin, string Reason) : PluginFailure(Plugin)
    {
        /// <inheritdoc/>
        public override string Message =>
            $"Plugin '{Plugin}': {Reason}; register each command as services.AddKeyedSingleton<{nameof(IPluginCommand)}, TheCommand>(\"name\") "
            + $"under the command's own unique {nameof(IPluginCommand.Name)}.";
    }

    private static string[] FramesOf(string details)
        => [.. details.Split('\n').Select(line => line.Trim()).Where(line => line.StartsWith("at ", StringComparison.Ordinal)).Take(3)];

    private static string MissingFileHint(string error) => error.StartsWith(nameof(FileNotFoundException), StringComparison.Ordinal)
        ? ", and set <EnableDynamicLoading>true</EnableDynamicLoading> so that the build output holds the plugin's own dependencies"
        : "";
}
