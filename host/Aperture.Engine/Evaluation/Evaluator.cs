using Aperture.Data;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Text.Scoring;

namespace Aperture.Evaluation;

/// <summary>Asks a pipeline every question of a file and scores the answers. Each picture is seen once, however many questions there are about it.</summary>
public static class Evaluator
{
    /// <summary>Scores a pipeline.</summary>
    /// <param name="pipeline">The pipeline.</param>
    /// <param name="items">The questions, with answers.</param>
    /// <param name="options">How to score; null for the defaults.</param>
    /// <param name="progress">Told after every question; null for nobody.</param>
    /// <param name="cancellationToken">Checked between layers and tokens.</param>
    /// <exception cref="ApertureException">There are no questions, or one lacks what the rule needs; nothing was asked then.</exception>
    public static EvaluationReport Run(
        Pipeline pipeline, IReadOnlyList<QuestionItem> items, EvaluationOptions? options = null, IProgress<int>? progress = null,
        CancellationToken cancellationToken = default)
    {
        options ??= new EvaluationOptions();
        if (items.Count == 0)
        {
            throw new ApertureException("There are no questions to score; give a question file with at least one line.");
        }

        foreach (QuestionItem item in items)
        {
            options.Scoring.Check(item);
        }

        List<QuestionResult> results = [];
        using SeenPictures pictures = new((image, token) => pipeline.Run((run, inner) => run.See([image], inner), token), path => Load(path, options.Blind));
        foreach (QuestionItem item in items)
        {
            string question = options.Scoring.Question(item);
            PromptRequest asked = item.Image is { } path ? PromptRequest.Of(question, pictures.Load(path, cancellationToken)) : PromptRequest.Of(question, []);
            Answer answer = pipeline.AskNow(asked, new() { MaxNewTokens = options.MaxNewTokens }, null, cancellationToken);
            results.Add(
                new QuestionResult(
                    item, answer.Text, options.Scoring.Score(item, answer.Text), answer.Flops.Total, answer.Times.Prefill, answer.Times.DecodePerToken,
                    answer.CacheBytes));
            progress?.Report(results.Count);
        }

        return new EvaluationReport(options.Blind ? pipeline.Label + ", blind" : pipeline.Label, results)
        {
            MeasuredOn = MeasuredOn.Of(pipeline.Model.Ops),
            Figures = options.Scoring.Figures(results),
        };
    }

    private static Image Load(string path, bool blind)
    {
        Image image = Image.Load(path);
        if (!blind)
        {
            return image;
        }

        byte[] grey = new byte[image.Width * image.Height * 3];
        Array.Fill(grey, (byte)128);
        return Image.FromRgb(grey, image.Width, image.Height);
    }
}

/// <summary>How a question file is scored.</summary>
public sealed record EvaluationOptions
{
    /// <summary>Longest answer in tokens.</summary>
    public int MaxNewTokens { get; init; } = 16;

    /// <summary>The rule that answers are scored by.</summary>
    public AnswerScoring Scoring { get; init; } = AnswerScoring.All[0];

    /// <summary>Whether pictures are replaced by plain grey: what the questions alone give away.</summary>
    public bool Blind { get; init; }
}
