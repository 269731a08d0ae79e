using Aperture.Models;
using Aperture.Tasks;
using Aperture.Text;

namespace Aperture.Plugins.Llava;

/// <summary>How a checkpoint's prompts are written: in a published template, or by its own chat template.</summary>
/// <param name="Template">The published template; where the checkpoint's own is used the one that stands in for training.</param>
/// <param name="Own">The checkpoint's own; null for a published one.</param>
internal sealed record LlavaPrompts(PromptTemplate Template, ChatTemplate? Own = null)
{
    private const string OwnName = "chat_template";

    /// <summary>
    /// Finds it: what the user names; in Hugging Face's layout what the folder's chat template writes; in the authors' what their code takes for the model's
    /// name.
    /// </summary>
    /// <param name="config">The configuration.</param>
    /// <param name="folder">The folder.</param>
    /// <param name="tokenizer">The tokenizer; null without one.</param>
    /// <param name="opening">May name a template; told of a chat template that is not used.</param>
    /// <exception cref="ApertureException">There is no such template.</exception>
    public static LlavaPrompts Find(LlavaConfig config, ModelFolder folder, ITokenizer? tokenizer, ModelOpening opening)
    {
        string named = config.Layout == LlavaLayout.Original ? ByName(NameOf(folder)) ?? LlavaNextParts.Template(config, tokenizer)
            : LlavaNextParts.Template(config, tokenizer);
        bool asked = opening.Prompt == OwnName;
        if (opening.Prompt is { } prompt && !asked)
        {
            return new LlavaPrompts(PromptTemplates.Get(prompt));
        }

        if (ChatTemplateFiles.Find(folder) is not { } file)
        {
            return asked ? throw new ApertureException($"'{folder.Path}' has no chat template; name a published one with --prompt.")
                : new LlavaPrompts(PromptTemplates.Get(named));
        }

        ChatTemplate? own = ChatTemplate.Read(file.Text, tokenizer, out string reason);
        string? published = own?.Published(named);
        if (own is null && asked)
        {
            throw new ApertureException($"{file.Where}: the chat template cannot be used: {reason}; name a published one with --prompt.");
        }

        if (config.Layout == LlavaLayout.Original && !asked)
        {
            if (own is not null && published != named)
            {
                opening.Tell(
                    $"{file.Where} has a chat template, which the authors' code does not use; prompts are written in '{named}'; --prompt {OwnName} takes it.");
            }

            return new LlavaPrompts(PromptTemplates.Get(named));
        }

        if (own is null)
        {
            opening.Tell(
                $"{file.Where}: the chat template cannot be used: {reason}; prompts are written in '{named}', which may be another than the model was trained "
                + "with; --prompt chooses.");
        }

        return new LlavaPrompts(PromptTemplates.Get(published ?? named), published is null ? own : null);
    }

    // As the authors' code chooses; null where the name says nothing.
    private static string? ByName(string name)
        => name.Contains("llama-2", StringComparison.Ordinal) ? "llava_llama_2"
            : name.Contains("mistral", StringComparison.Ordinal) ? "mistral_instruct"
            : name.Contains("v1.6-34b", StringComparison.Ordinal) ? "chatml_direct"
            : name.Contains("v1", StringComparison.Ordinal) ? null
            : name.Contains("mpt", StringComparison.Ordinal) ? "mpt"
            : name.Contains("v0", StringComparison.Ordinal) ? "llava_v0"
            : null;

    // In the hub's cache the folder is called after a commit, and the model stands two levels above.
    private static string NameOf(ModelFolder folder)
    {
        DirectoryInfo own = new(folder.Path);
        string name = own.Parent is { Name: "snapshots", Parent: { } repository } ? repository.Name : own.Name;
        return name.ToLowerInvariant();
    }
}
