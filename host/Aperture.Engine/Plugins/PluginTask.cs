using System.Text;

namespace Aperture.Plugins;

/// <summary>An architecture of a task that a plugin offers, described with the host's own objects only: it stays valid when the plugin unloads.</summary>
/// <param name="Plugin">The plugin's id.</param>
/// <param name="Name">The name users write.</param>
/// <param name="Kind">The kind of task in words, such as <c>classifier</c>.</param>
/// <param name="Summary">One line: what the model is and what it makes.</param>
/// <param name="Checkpoints">One line: the files or folders that it recognises.</param>
/// <param name="Options">Its options when it is opened.</param>
/// <param name="TrainingOptions">Its options when it is trained; null for one that has nothing to train.</param>
public sealed record PluginTask(
    string Plugin,
    string Name,
    string Kind,
    string Summary,
    string Checkpoints,
    IReadOnlyList<MethodOption> Options,
    IReadOnlyList<MethodOption>? TrainingOptions)
{
    /// <summary>A task's contract in words: <c>IFaceGenerator</c> is a face generator.</summary>
    /// <param name="contract">The interface.</param>
    public static string KindOf(Type contract)
    {
        StringBuilder words = new();
        foreach (char letter in contract.Name.AsSpan(contract.Name.StartsWith('I') ? 1 : 0))
        {
            words.Append(char.IsUpper(letter) && words.Length > 0 ? " " : "").Append(char.ToLowerInvariant(letter));
        }

        return words.ToString();
    }
}
