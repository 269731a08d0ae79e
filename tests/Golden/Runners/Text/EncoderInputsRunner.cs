using System.Text.Json;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>
/// Padded and truncated ids of text encoders. RoBERTa's are compared; BERT's and CLIP's parts need vocabularies and pairs that no model here uses yet.
/// </summary>
public sealed class EncoderInputsRunner : IGoldenRunner
{
    public string Area => "text";

    public string Kind => "encoder_inputs";

    public void Run(GoldenCase golden)
    {
        ITokenizer roberta = Tokenizers.FromFolder(golden.FileBeside("tiny/roberta"), new() { Class = "RobertaTokenizer", Fast = false });
        TextFailures failures = new();
        foreach (JsonElement item in golden.Meta.GetProperty("roberta_padded").EnumerateArray())
        {
            string text = item.GetProperty("a").GetString()!;
            EncoderText encoded = EncoderText.Encode(roberta, text, item.GetProperty("max_length").GetInt32());
            failures.SameIds($"ids of \"{text}\"", TextFailures.Ids(item.GetProperty("input_ids")), encoded.Ids);
            failures.SameIds($"mask of \"{text}\"", TextFailures.Ids(item.GetProperty("attention_mask")), encoded.Mask);
        }

        failures.Check();
    }
}
