using System.Text.Json;
using Aperture.Golden.Tests.Text;
using Aperture.Models;
using Aperture.Plugins.FlashSloth.Family;
using Aperture.Text;

namespace Aperture.Golden.Tests.FlashSloth;

/// <summary>Prompts of the authors' scripts as ids, and ids with labels of both training stages, by the tokenizer of the tiny checkpoint.</summary>
public sealed class PromptsAndLabelsRunner : IGoldenRunner
{
    private const string Checkpoint = "ckpt_tiny", User = " USER: ", Assistant = " ASSISTANT:", Query = "<learnable>", Picture = "<image>\n";

    public string Area => "flashsloth";

    public string Kind => "prompts_and_labels";

    public void Run(GoldenCase golden)
    {
        ITokenizer tokenizer = Tokenizers.FromFolder(golden.FileBeside(Checkpoint));
        int query = golden.Meta.GetProperty("learnable_id").GetInt32();
        Assert.Equal(query, tokenizer.IdOf(Query));
        Assert.Equal(golden.Meta.GetProperty("eos_id").GetInt32(), tokenizer.EndId);
        Assert.Equal(ImagePrompts.ImageId, golden.Meta.GetProperty("image_id").GetInt32());
        TextFailures failures = new();
        FlashSlothComposer composer = new(null, tokenizer, query, int.MaxValue, "recorded");
        foreach (JsonProperty prompt in golden.Meta.GetProperty("inference_prompts").EnumerateObject())
        {
            string text = prompt.Value.GetProperty("prompt").GetString()!;
            failures.SameIds(prompt.Name, TextFailures.Ids(prompt.Value.GetProperty("ids")), composer.Compose(Conversation(text)));
        }

        foreach (JsonProperty one in golden.Meta.GetProperty("finetune_labels").EnumerateObject())
        {
            TrainingMessage[] messages =
            [
                .. one.Value.GetProperty("source").EnumerateArray().Select(
                    message => new TrainingMessage(message.GetProperty("from").GetString()!, message.GetProperty("value").GetString()!)),
            ];
            TrainingSample sample = new FlashSlothLabels(PromptTemplates.Get("phi2"), query, int.MaxValue)
                .Create(messages, tokenizer, one.Value.GetProperty("has_image").GetBoolean());
            failures.SameIds(one.Name, TextFailures.Ids(one.Value.GetProperty("input_ids")), sample.InputIds);
            failures.SameIds($"{one.Name}: labels", TextFailures.Ids(one.Value.GetProperty("labels")), sample.Labels);
            Assert.Equal(one.Value.GetProperty("mismatch_warning").GetBoolean(), sample.Mismatch);
        }

        FlashSlothComposer plain = new("plain", tokenizer, query, int.MaxValue, "recorded");
        foreach (JsonProperty one in golden.Meta.GetProperty("pretrain_labels").EnumerateObject())
        {
            LabelledPrompt sample = plain.Label(
                [new PromptMessage(PromptRole.User, "", 1), new PromptMessage(PromptRole.Assistant, one.Value.GetProperty("caption").GetString()!)]);
            failures.SameIds(one.Name, TextFailures.Ids(one.Value.GetProperty("input_ids")), sample.Ids);
            failures.SameIds($"{one.Name}: labels", TextFailures.Ids(one.Value.GetProperty("labels")), sample.Labels);
        }

        failures.Check();
    }

    // The conversation that a prompt was written from.
    private static List<PromptMessage> Conversation(string prompt)
    {
        List<PromptMessage> messages = [];
        string[] rounds = prompt[(prompt.IndexOf(User, StringComparison.Ordinal) + 1)..].Split("</s>");
        foreach (string round in rounds)
        {
            string[] parts = round[User.TrimStart().Length..].Split(Query + Assistant);
            bool shows = parts[0].StartsWith(Picture, StringComparison.Ordinal);
            messages.Add(new PromptMessage(PromptRole.User, shows ? parts[0][Picture.Length..] : parts[0], shows ? 1 : 0));
            if (parts[1].Length > 0)
            {
                messages.Add(new PromptMessage(PromptRole.Assistant, parts[1].TrimStart()));
            }
        }

        return messages;
    }
}
