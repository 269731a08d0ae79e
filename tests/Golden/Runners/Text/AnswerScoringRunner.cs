using System.Globalization;
using System.Text.Json;
using Aperture.Measuring;
using Aperture.Text.Scoring;

namespace Aperture.Golden.Tests.Text;

/// <summary>Normalised answers and scores of the VQA, POPE and ScienceQA evaluations.</summary>
public sealed class AnswerScoringRunner : IGoldenRunner
{
    public string Area => "text";

    public string Kind => "answer_scoring";

    public void Run(GoldenCase golden)
    {
        TextFailures failures = new();
        Normalisation(failures, golden.Meta);
        Accuracy(failures, golden.Meta);
        Pope(failures, golden.Meta.GetProperty("pope"));
        ScienceQa(failures, golden.Meta.GetProperty("scienceqa"));
        foreach (JsonElement row in golden.Meta.GetProperty("meter_vqa_score_by_count").EnumerateArray())
        {
            failures.Near($"METER label of {row[0].GetInt32()}", row[1].GetDouble(), MeterAnswers.SoftLabel(row[0].GetInt32()));
        }

        foreach (JsonElement row in golden.Meta.GetProperty("textvqa_prompt_to_question").EnumerateArray())
        {
            string? expected = row[1].ValueKind == JsonValueKind.String ? row[1].GetString() : null;
            failures.Equal($"question of {row[0].GetRawText()}", expected, Question(row[0].GetString()!));
        }

        failures.Check();
    }

    private static string? Question(string prompt)
    {
        try
        {
            return TextVqaPrompt.Question(prompt);
        }
        catch (ApertureException)
        {
            return null;
        }
    }

    private static void Normalisation(TextFailures failures, JsonElement meta)
    {
        foreach (JsonElement row in meta.GetProperty("normalise").EnumerateArray())
        {
            string text = row[0].GetString()!;
            failures.Equal($"normalised '{text}'", row[1].GetString(), AnswerNormalizer.Normalize(text));
            failures.Equal($"words of '{text}'", row[2].GetString(), AnswerNormalizer.Words(text));
            failures.Equal($"punctuation of '{text}'", row[3].GetString(), AnswerNormalizer.Punctuation(text));
            failures.Equal($"numbers of '{text}'", row[4].GetString(), AnswerNormalizer.NumbersAndArticles(AnswerNormalizer.Punctuation(text.Trim())));
            failures.Equal($"METER of '{text}'", row[5].GetString(), MeterAnswers.Normalize(text));
        }
    }

    private static void Accuracy(TextFailures failures, JsonElement meta)
    {
        List<List<string>> truths = meta.GetProperty("ground_truths")
            .EnumerateArray()
            .Select(list => list.EnumerateArray().Select(answer => answer.GetString()!).ToList())
            .ToList();
        foreach (JsonElement row in meta.GetProperty("accuracy").EnumerateArray())
        {
            (string prediction, List<string> truth) = (row[0].GetString()!, truths[row[1].GetInt32()]);
            failures.Near($"accuracy of '{prediction}' for {row[1]}", row[2].GetDouble(), VqaScores.SoftAccuracy(prediction, truth));
            failures.Near($"ANLS of '{prediction}' for {row[1]}", row[3].GetDouble(), VqaScores.Anls(prediction, truth));
            failures.Near($"ST-VQA of '{prediction}' for {row[1]}", row[4].GetDouble(), VqaScores.ExactAccuracy(prediction, truth));
        }

        foreach (JsonElement row in meta.GetProperty("anls").EnumerateArray())
        {
            failures.Near($"ANLS of {row.GetRawText()}", row[2].GetDouble(), VqaScores.Anls(row[0].GetString()!, row[1].GetString()!));
        }

        JsonElement batch = meta.GetProperty("batch");
        IEnumerable<double> scores = batch.GetProperty("predictions").EnumerateArray().Zip(
            batch.GetProperty("ground_truth_index").EnumerateArray(), (prediction, index)
                => VqaScores.SoftAccuracy(prediction.GetString()!, truths[index.GetInt32()]));
        failures.Near("accuracy of the batch", batch.GetProperty("textvqa_accuracy").GetDouble(), scores.Average());
    }

    private static void Pope(TextFailures failures, JsonElement pope)
    {
        List<string> answers = pope.GetProperty("answers").EnumerateArray().Select(answer => answer.GetString()!).ToList();
        List<bool> labels = pope.GetProperty("labels").EnumerateArray().Select(label => label.GetString() != "no").ToList();
        List<string> normal = pope.GetProperty("normalised").EnumerateArray().Select(answer => answer.GetString()!).ToList();
        for (int i = 0; i < answers.Count; i++)
        {
            failures.Equal($"POPE answer '{answers[i]}'", normal[i], PopeScore.IsYes(answers[i]) ? "yes" : "no");
        }

        PopeScore score = PopeScore.Of(answers, labels);
        List<string> printed = pope.GetProperty("printed").EnumerateArray().Select(line => line.GetString()!).ToList();
        failures.Equal("POPE counts", printed[1], string.Join('\t', score.TruePositives, score.FalsePositives, score.TrueNegatives, score.FalseNegatives));
        (string Name, double Value)[] values =
        [
            ("Accuracy", score.Accuracy), ("Precision", score.Precision), ("Recall", score.Recall), ("F1 score", score.F1), ("Yes ratio", score.YesRatio),
        ];
        foreach ((string name, double actual) in values)
        {
            string line = printed.Single(text => text.StartsWith(name + ": ", StringComparison.Ordinal));
            failures.Near($"POPE {name}", double.Parse(line[(name.Length + 2)..], CultureInfo.InvariantCulture), actual);
        }
    }

    private static void ScienceQa(TextFailures failures, JsonElement science)
    {
        List<string> texts = science.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!).ToList();
        JsonElement results = science.GetProperty("results");
        (int correct, int images, int correctImages) = (0, 0, 0);
        foreach (JsonProperty problem in science.GetProperty("problems").EnumerateObject())
        {
            string text = texts[int.Parse(problem.Name, CultureInfo.InvariantCulture)];
            int choice = ScienceQaAnswer.Choice(text, problem.Value.GetProperty("choices").GetArrayLength());
            failures.Equal($"ScienceQA choice of '{text}'", results.GetProperty("results").GetProperty(problem.Name).GetInt32(), choice);
            bool isRight = choice == problem.Value.GetProperty("answer").GetInt32();
            bool hasImage = problem.Value.GetProperty("image").ValueKind != JsonValueKind.Null;
            correct += isRight ? 1 : 0;
            images += hasImage ? 1 : 0;
            correctImages += isRight && hasImage ? 1 : 0;
        }

        failures.Equal("ScienceQA correct", results.GetProperty("correct").GetInt32(), correct);
        failures.Near("ScienceQA accuracy", results.GetProperty("acc").GetDouble(), 100.0 * correct / texts.Count);
        failures.Equal(
            "ScienceQA summary",
            science.GetProperty("stdout").GetString(),
            string.Create(
                CultureInfo.InvariantCulture,
                $"Total: {texts.Count}, Correct: {correct}, Accuracy: {100.0 * correct / texts.Count:F2}%, IMG-Accuracy: "
                + $"{100.0 * correctImages / images:F2}%\n"));
    }
}
