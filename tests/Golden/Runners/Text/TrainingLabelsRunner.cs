using System.Text.Json;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>Ids and labels of training conversations.</summary>
public sealed class TrainingLabelsRunner : IGoldenRunner
{
    private const int DefaultMaxLength = 256;

    public string Area => "text";

    public string Kind => "training_labels";

    public void Run(GoldenCase golden)
    {
        int maxLength = golden.Config.TryGetProperty("model_max_length", out JsonElement value) ? value.GetInt32() : DefaultMaxLength;
        TextFailures failures = new();
        foreach (JsonElement item in golden.Meta.GetProperty("cases").EnumerateArray())
        {
            ITokenizer? tokenizer = PublishedTokenizers.Llama2(golden, item.GetProperty("legacy").GetBoolean());
            Skip.If(tokenizer is null, PublishedTokenizers.Needed("llama-tokenizer-js"));
            List<TrainingMessage> messages = item.GetProperty("conversation")
                .EnumerateArray()
                .Select(message => new TrainingMessage(message[0].GetString()!, message[1].GetString()!))
                .ToList();
            PromptTemplate template = PromptTemplates.Get(item.GetProperty("version").GetString()!);
            bool hasImage = messages.Exists(message => message.Value.Contains(ImagePrompts.Placeholder, StringComparison.Ordinal));
            TrainingSample sample = TrainingLabels.Create(messages, template, tokenizer!, hasImage, maxLength);
            string what = $"{template.Name} {item.GetProperty("legacy").GetRawText()} {item.GetProperty("conversation").GetRawText()}";
            failures.Equal(
                $"{what}: messages", string.Join('\0', item.GetProperty("after_multimodal").EnumerateArray().Select(text => text.GetString())),
                string.Join('\0', sample.Messages));
            failures.SameIds($"{what}: ids", TextFailures.Ids(item.GetProperty("input_ids")), sample.InputIds);
            failures.SameIds($"{what}: labels", TextFailures.Ids(item.GetProperty("labels")), sample.Labels);
        }

        failures.Check();
    }
}
