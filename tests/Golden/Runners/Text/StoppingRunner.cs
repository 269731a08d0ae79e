using System.Text.Json;
using Aperture.Text;

namespace Aperture.Golden.Tests.Text;

/// <summary>The verdict of the keyword criterion after every new id.</summary>
public sealed class StoppingRunner : IGoldenRunner
{
    public string Area => "text";

    public string Kind => "stopping";

    public void Run(GoldenCase golden)
    {
        ITokenizer? tokenizer = PublishedTokenizers.Llama2(golden, legacy: false);
        Skip.If(tokenizer is null, PublishedTokenizers.Needed("llama-tokenizer-js"));
        TextFailures failures = new();
        foreach (JsonElement item in golden.Meta.GetProperty("cases").EnumerateArray())
        {
            int[] prompt = TextFailures.Ids(item.GetProperty("prompt_ids"));
            int[] output = TextFailures.Ids(item.GetProperty("output_ids"));
            StopCriteria criteria = new(
                [.. item.GetProperty("keywords").EnumerateArray().Select(keyword => keyword.GetString()!)], tokenizer!, prompt.Length);
            string what = item.GetProperty("keywords").GetRawText();
            int index = 0;
            foreach (JsonElement ids in item.GetProperty("keyword_ids").EnumerateArray())
            {
                failures.SameIds($"ids of keyword {index} of {what}", TextFailures.Ids(ids), criteria.KeywordIds[index++]);
            }

            List<bool> verdicts = item.GetProperty("stop").EnumerateArray().Select(stop => stop.GetBoolean()).ToList();
            for (int i = 0; i < verdicts.Count; i++)
            {
                failures.Equal(
                    $"{what} after {i + 1} new ids of {item.GetProperty("output_ids").GetRawText()}", verdicts[i],
                    criteria.ShouldStop(output[..(prompt.Length + i + 1)]));
            }
        }

        failures.Check();
    }
}
