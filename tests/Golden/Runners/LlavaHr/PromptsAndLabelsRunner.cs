using System.Text.Json;
using Aperture.Golden.Tests.Text;
using Aperture.Models;
using Aperture.Text;

namespace Aperture.Golden.Tests.LlavaHr;

/// <summary>Prompts with their ids, and the labels of both training stages, over the checkpoint's own tokenizer.</summary>
public sealed class PromptsAndLabelsRunner : IGoldenRunner
{
    private const string Tokenizer = "ckpt_tiny", FineTuning = "v1", PreTraining = "plain";

    public string Area => "llava-hr";

    public string Kind => "prompts_and_labels";

    public void Run(GoldenCase golden)
    {
        TextFailures failures = new();
        ITokenizer tokenizer = Tokenizers.FromFolder(golden.FileBeside(Tokenizer));
        int image = golden.Meta.GetProperty("image_id").GetInt32();
        Assert.Equal(LabelledPrompt.Ignored, golden.Meta.GetProperty("ignore").GetInt32());
        foreach (JsonProperty item in golden.Meta.GetProperty("inference_prompts").EnumerateObject())
        {
            PromptTemplate template = PromptTemplates.Get(item.Name[..item.Name.IndexOf(':', StringComparison.Ordinal)]);
            string prompt = item.Value.GetProperty("prompt").GetString()!;
            failures.Equal(item.Name, prompt, template.Render(Turns(template, prompt)));
            failures.SameIds(item.Name, TextFailures.Ids(item.Value.GetProperty("ids")), ImagePrompts.Encode(prompt, tokenizer, image));
        }

        foreach (JsonProperty item in golden.Meta.GetProperty("sft_labels_v1").EnumerateObject())
        {
            TrainingMessage[] messages =
            [
                .. item.Value.GetProperty("source").EnumerateArray().Select(
                    message => new TrainingMessage(message.GetProperty("from").GetString()!, message.GetProperty("value").GetString()!)),
            ];
            Compare(
                failures, item, TrainingLabels.Create(messages, PromptTemplates.Get(FineTuning), tokenizer, item.Value.GetProperty("has_image").GetBoolean()));
        }

        foreach (JsonProperty item in golden.Meta.GetProperty("pretrain_labels").EnumerateObject())
        {
            TrainingMessage[] messages = [new("human", ImagePrompts.Placeholder), new("gpt", item.Value.GetProperty("caption").GetString()!)];
            Compare(failures, item, TrainingLabels.Create(messages, PromptTemplates.Get(PreTraining), tokenizer, hasImage: true));
        }

        failures.Check();
    }

    private static void Compare(TextFailures failures, JsonProperty item, TrainingSample sample)
    {
        failures.SameIds($"{item.Name}: ids", TextFailures.Ids(item.Value.GetProperty("input_ids")), sample.InputIds);
        failures.SameIds($"{item.Name}: labels", TextFailures.Ids(item.Value.GetProperty("labels")), sample.Labels);
    }

    // The messages in a prompt, which the case does not list: what stands behind the roles, without separators.
    private static List<PromptTurn> Turns(PromptTemplate template, string prompt)
    {
        List<PromptTurn> turns = [];
        foreach (string turn in prompt.Split(template.UserRole + ": ").Skip(1))
        {
            string[] sides = turn.Split(template.AssistantRole + ":");
            turns.Add(new PromptTurn(Bare(template, sides[0]), sides[1].Length == 0 ? null : Bare(template, sides[1])));
        }

        return turns;
    }

    private static string Bare(PromptTemplate template, string side)
    {
        foreach (string end in new[] { template.Separator2, template.Separator }.OfType<string>().Where(end => end.Length > 0))
        {
            side = side.EndsWith(end, StringComparison.Ordinal) ? side[..^end.Length] : side;
        }

        return side.Trim(' ');
    }
}
