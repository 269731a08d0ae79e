using Aperture.Engine;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Training;

/// <summary>A conversation as token ids with labels, the picture as one placeholder.</summary>
/// <param name="Ids">Token ids.</param>
/// <param name="Labels">The label of every id: the id itself where the loss counts it, else <see cref="TrainingLabels.Ignored"/>.</param>
internal sealed record LabelledPrompt(int[] Ids, int[] Labels)
{
    /// <summary>Encodes a conversation as the model's own training code does: LLaVA's by its template's rule, in the Hugging Face layout answers with their end token.</summary>
    /// <param name="model">The model.</param>
    /// <param name="example">The conversation.</param>
    public static LabelledPrompt Create(LlavaModel model, TrainingExample example)
    {
        if (model.Config.Layout == LlavaLayout.HuggingFace)
        {
            return Answers(model, example);
        }

        List<TrainingMessage> messages = [.. example.Messages];
        if (example.Image is not null)
        {
            messages[0] = messages[0] with { Value = $"{ImagePrompts.Placeholder}\n{messages[0].Value}" };
        }

        TrainingSample sample = TrainingLabels.Create(messages, model.Template, model.RequireTokenizer(), example.Image is not null);
        return new LabelledPrompt([.. sample.InputIds], [.. sample.Labels]);
    }

    private static LabelledPrompt Answers(LlavaModel model, TrainingExample example)
    {
        ITokenizer tokenizer = model.RequireTokenizer();
        int end = tokenizer.EndId ?? throw new ApertureException($"The tokenizer of '{model.Folder}' names no end token (eos_token), so answers cannot be ended in training; add it to tokenizer_config.json.");
        List<int> ids = [], labels = [];
        for (int i = 0; i + 1 < example.Messages.Count; i += 2)
        {
            int[] prompt = model.Prompt(example.Messages[i].Value, i == 0 && example.Image is not null ? 1 : 0);
            if (i > 0 && prompt.Length > 0 && prompt[0] == tokenizer.BeginId)
            {
                prompt = prompt[1..];
            }

            int[] answer = [.. tokenizer.Encode(" " + example.Messages[i + 1].Value, addSpecialTokens: false), end];
            ids.AddRange([.. prompt, .. answer]);
            labels.AddRange([.. Enumerable.Repeat(TrainingLabels.Ignored, prompt.Length), .. answer]);
        }

        return new LabelledPrompt([.. ids], [.. labels]);
    }
}
