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
        foreach (var row in golden.Meta.GetProperty("meter_vqa_score_by_count").EnumerateArray())
        {
            failures.Near($"METER label of {row[0].GetInt32()}", row[1].GetDouble(), MeterAnswers.SoftLabel(row[0].GetInt32()));
        }

        foreach (var row in golden.Meta.GetProperty("textvqa_prompt_to_question").EnumerateArray())
        {
            var expected = row[1].ValueKind == JsonValueKind.String ? row[1].GetString() : null;
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
        foreach (var row in meta.GetProperty("normalise").EnumerateArray())
        {
            var text = row[0].GetString()!;
            failures.Equal($"normalised '{text}'", row[1].GetString(), AnswerNormalizer.Normalize(text));
            failures.Equal($"words of '{text}'", row[2].GetString(), AnswerNormalizer.Words(text));
            failures.Equal($"punctuation of '{text}'", row[3].GetString(), AnswerNormalizer.Punctuation(text));
            failures.Equal($"numbers of '{text}'", row[4].GetString(), AnswerNormalizer.NumbersAndArticles(AnswerNormalizer.Punctuation(text.Trim())));
            failures.Equal($"METER of '{text}'", row[5].GetString(), MeterAnswers.Normalize(text));
        }
    }

    private static void Accuracy(TextFailures failures, JsonElement meta)
    {
        var truths = meta.GetProperty("ground_truths")
            .EnumerateArray()
            .Select(list => list.EnumerateArray().Select(answer => answer.GetString()!).ToList())
            .ToList();
        foreach (var row in meta.GetProperty("accuracy").EnumerateArray())
        {
            var (prediction, truth) = (row[0].GetString()!, truths[row[1].GetInt32()]);
            failures.Near($"accuracy of '{prediction}' for {row[1]}", row[2].GetDouble(), VqaScores.SoftAccuracy(prediction, truth));
            failures.Near($"ANLS of '{prediction}' for {row[1]}", row[3].GetDouble(), VqaScores.Anls(prediction, truth));
            failures.Near($"ST-VQA of '{prediction}' for {row[1]}", row[4].GetDouble(), VqaScores.ExactAccuracy(prediction, truth));
        }

        foreach (var row in meta.GetProperty("anls").EnumerateArray())
        {
            failures.Near($"ANLS of {row.GetRawText()}", row[2].GetDouble(), VqaScores.Anls(row[0].GetString()!, row[1].GetString()!));
        }

        var batch = meta.GetProperty("batch");
        var scores = batch.GetProperty("predictions").EnumerateArray().Zip(
            batch.GetProperty("ground_truth_index").EnumerateArray(), (prediction, index)
                => VqaScores.SoftAccuracy(prediction.GetString()!, truths[index.GetInt32()]));
        failures.Near("accuracy of the batch", batch.GetProperty("textvqa_accuracy").GetDouble(), scores.Average());
    }

    private static void Pope(TextFailures failures, JsonElement pope)
    {
        var answers = pope.GetProperty("answers").EnumerateArray().Select(answer => answer.GetString()!).ToList();
        var labels = pope.GetProperty("labels").EnumerateArray().Select(label => label.GetString() != "no").ToList();
        var normal = pope.GetProperty("normalised").EnumerateArray().Select(answer => answer.GetString()!).ToList();
        for (var i = 0; i < answers.Count; i++)
        {
            failures.Equal($"POPE answer '{answers[i]}'", normal[i], PopeScore.IsYes(answers[i]) ? "yes" : "no");
        }

        var score = PopeScore.Of(answers, labels);
        var printed = pope.GetProperty("printed").EnumerateArray().Select(line => line.GetString()!).ToList();
        failures.Equal("POPE counts", printed[1], string.Join('\t', score.TruePositives, score.FalsePositives, score.TrueNegatives, score.FalseNegatives));
        (string Name, double Value)[] values =
        [
            ("Accuracy", score.Accuracy), ("Precision", score.Precision), ("Recall", score.Recall), ("F1 score", score.F1), ("Yes ratio", score.YesRatio),
        ];
        foreach (var (name, actual) in values)
        {
            var line = printed.Single(text => text.StartsWith(name + ": ", StringComparison.Ordinal));
            failures.Near($"POPE {name}", double.Parse(line[(name.Length + 2)..], CultureInfo.InvariantCulture), actual);
        }
    }

    private static void ScienceQa(TextFailures failures, JsonElement science)
    {
        var texts = science.GetProperty("texts").EnumerateArray().Select(text => text.GetString()!).ToList();
        var results = science.GetProperty("results");
        var (correct, images, correctImages) = (0, 0, 0);
        foreach (var problem in science.GetProperty("problems").EnumerateObject())
        {
            var text = texts[int.Parse(problem.Name, CultureInfo.InvariantCulture)];
            var choice = ScienceQaAnswer.Choice(text, problem.Value.GetProperty("choices").GetArrayLength());
            failures.Equal($"ScienceQA choice of '{text}'", results.GetProperty("results").GetProperty(problem.Name).GetInt32(), choice);
            var isRight = choice == problem.Value.GetProperty("answer").GetInt32();
            var hasImage = problem.Value.GetProperty("image").ValueKind != JsonValueKind.Null;
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
