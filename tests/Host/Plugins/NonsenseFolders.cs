using Aperture.Models;

namespace Aperture.Host.Tests.Plugins;

/// <summary>Folders that hold no model: an empty one, and those whose files have the names of a checkpoint's and say nothing.</summary>
internal static class NonsenseFolders
{
    private static readonly string[] _configurations =
    [
        "{}",
        "[]",
        "null",
        "7",
        "\"text\"",
        """{ "model_type": 7, "architectures": {}, "vision_config": [], "text_config": "x" }""",
        """{ "model_type": [], "architectures": [[]], "vision_config": { "model_type": {} }, "hidden_size": -1 }""",
        """{ "model_type": "no such type", "architectures": ["NoSuchModel"], "num_hidden_layers": 1e300 }""",
    ];

    /// <summary>Makes the folders; those with a configuration hold an empty file of weights too.</summary>
    /// <param name="parent">The folder to make them in.</param>
    public static IReadOnlyList<string> Make(string parent)
    {
        string[] folders = [.. _configurations.Select((text, number) => Folder(parent, $"nonsense-{number}", text))];
        return [Directory.CreateDirectory(Path.Combine(parent, "empty")).FullName, .. folders];
    }

    /// <summary>Makes a folder whose configuration is no JSON.</summary>
    /// <param name="parent">The folder to make it in.</param>
    public static string MakeUnreadable(string parent) => Folder(parent, "unreadable", "{ \"model_type\": ");

    private static string Folder(string parent, string name, string configuration)
    {
        string folder = Directory.CreateDirectory(Path.Combine(parent, name)).FullName;
        File.WriteAllText(Path.Combine(folder, ModelFolder.ConfigFile), configuration);
        File.WriteAllText(Path.Combine(folder, "model.safetensors"), "");
        return folder;
    }
}
