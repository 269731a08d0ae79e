using System.Text.Json;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Text.Scoring;

namespace Aperture.Golden.Tests.Text;

/// <summary>ScienceQA prompts and answers in LaVIN's formats, as text, and as ids where the vocabulary is at hand.</summary>
public sealed class ScienceQaRunner : IGoldenRunner
{
    public string Area => "text";

    public string Kind => "scienceqa_lavin";

    public void Run(GoldenCase golden)
    {
        TextFailures failures = new();
        ITokenizer? tokenizer = PublishedTokenizers.Llama2(golden, legacy: true);
        int[] Plain(string text) => tokenizer!.Encode(text, addSpecialTokens: false);
        foreach (JsonElement item in golden.Meta.GetProperty("cases").EnumerateArray())
        {
            ScienceQaProblem problem = Problem(item.GetProperty("problem"));
            string format = item.GetProperty("format").GetString()!;
            bool caption = item.GetProperty("use_caption").GetBoolean();
            (string prompt, string answer) = ScienceQaPrompt.Create(problem, format, caption);
            string what = $"{format} {problem.Question}";
            failures.Equal($"{what}: prompt", item.GetProperty("prompt").GetString(), prompt);
            failures.Equal($"{what}: answer", item.GetProperty("answer").GetString(), answer);
            failures.Equal($"{what}: example", item.GetProperty("create_one_example").GetString(), ScienceQaPrompt.Example(problem, format, caption));
            failures.Equal($"{what}: choice of the example", problem.Answer, ScienceQaAnswer.FirstChoice(answer, problem.Choices.Count));
            if (tokenizer is not null)
            {
                failures.SameIds($"{what}: ids", TextFailures.Ids(item.GetProperty("ids_bos")), [tokenizer.BeginId!.Value, .. Plain(prompt)]);
                failures.SameIds(
                    $"{what}: ids with answer", TextFailures.Ids(item.GetProperty("ids_example_bos_eos")),
                    [tokenizer.BeginId!.Value, .. Plain(prompt + answer), tokenizer.EndId!.Value]);
            }
        }

        foreach (JsonElement fixedText in tokenizer is null ? [] : golden.Meta.GetProperty("fixed_strings").EnumerateArray().ToArray())
        {
            string text = fixedText.GetProperty("text").GetString()!;
            failures.SameIds($"ids of '{text}'", TextFailures.Ids(fixedText.GetProperty("ids_no_bos")), Plain(text));
        }

        failures.Check();
    }

    private static ScienceQaProblem Problem(JsonElement json)
    {
        string Text(string key) => json.GetProperty(key).GetString()!;
        return new ScienceQaProblem
        {
            Question = Text("question"),
            Hint = Text("hint"),
            Caption = Text("caption"),
            Choices = [.. json.GetProperty("choices").EnumerateArray().Select(choice => choice.GetString()!)],
            Answer = json.GetProperty("answer").GetInt32(),
            Lecture = Text("lecture"),
            Solution = Text("solution"),
        };
    }
}
