using Aperture.Generation;
using Aperture.Models;
using Aperture.Sequences;

namespace Aperture.Requests;

/// <summary>Keeps prompts and answers within the positions that a model was made for: beyond them its words are noise.</summary>
internal static class PromptLength
{
    /// <summary>A prompt that fits.</summary>
    /// <param name="prompt">The prompt; disposed where it is refused.</param>
    /// <param name="model">The model.</param>
    /// <exception cref="ApertureException">It has more rows than the model has positions.</exception>
    public static PackedPrompt Required(PackedPrompt prompt, Model model)
    {
        int rows = prompt.Layout.Count, most = Math.Min(model.Decoder.Spec.Rotary.Reach, model.MaxPromptRows ?? int.MaxValue);
        if (rows <= most)
        {
            return prompt;
        }

        string setting = most == model.MaxPromptRows ? "tokenizer_model_max_length" : "max_position_embeddings";
        int visual = prompt.Layout.VisualCount;
        prompt.Dispose();
        throw new ApertureException(
            $"The prompt has {rows} rows, {visual} of them of pictures, but {model.Name} was made for {most} ({setting}); write less, show "
            + "fewer pictures, reduce them before the decoder (random, pooling), or have it cut where the model can (--cut-prompt).");
    }

    /// <summary>Options whose answers end where the model's positions, or the checkpoint's longest text, do.</summary>
    /// <param name="options">The options.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="model">The model; told of a longest text that the prompt alone fills.</param>
    public static GenerationOptions Limited(GenerationOptions options, IReadOnlyList<SequenceLayout> prompts, Model model)
    {
        int longest = prompts.Max(layout => layout.NextPosition), room = (int)Math.Min((long)model.Decoder.Spec.Rotary.Reach - longest + 1, int.MaxValue);
        if (options.MaxLength > longest)
        {
            room = Math.Min(room, options.MaxLength - longest);
        }
        else if (options.MaxLength > 0)
        {
            model.Tell(
                $"{options.Source}: max_length {options.MaxLength} leaves no room behind a prompt of {longest} rows, so it is left out; --max-new-tokens "
                + "limits answers.");
        }

        room = Math.Max(room, 1);
        return options.MaxNewTokens <= room ? options
            : options with { MaxNewTokens = room, MinNewTokens = Math.Min(options.MinNewTokens, room) };
    }
}
