using Aperture.Data;
using Aperture.Images;

namespace Aperture.Evaluation;

/// <summary>
/// What can be wrong with questions, looked for before the first is asked: a run of hours must not end at a line that was wrong from the start.
/// </summary>
internal static class QuestionCheck
{
    private const int MostAtOnce = 4; // Pictures may be large.

    /// <summary>Checks that every question carries what the rule needs and that every picture opens.</summary>
    /// <param name="items">The questions.</param>
    /// <param name="scoring">The rule.</param>
    /// <param name="cancellationToken">Checked between pictures.</param>
    /// <exception cref="ApertureException">Something is wrong; the message names file, line and what, and the lines of all others.</exception>
    public static void Run(IReadOnlyList<QuestionItem> items, AnswerScoring scoring, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
        {
            throw new ApertureException("There are no questions to score; give a question file with at least one line.");
        }

        LineProblems problems = new();
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (QuestionItem item in items)
        {
            problems.Check(item.Line, () => scoring.Check(item));
            if (!ids.Add(item.Id))
            {
                problems.Add(item.Line, $"{item.Where}: the id '{item.Id}' stands for another question already; ids must differ.");
            }
        }

        problems.ThrowIfAny();
        Pictures(items, problems, cancellationToken);
        problems.ThrowIfAny();
    }

    // Each picture is opened as it will be: a header may promise what the rest does not hold.
    private static void Pictures(IReadOnlyList<QuestionItem> items, LineProblems problems, CancellationToken cancellationToken)
    {
        string[] paths = [.. items.Select(item => item.Image).OfType<string>().Distinct(StringComparer.Ordinal)];
        string?[] wrong = new string?[paths.Length];
        int workers = Math.Min(MostAtOnce, Environment.ProcessorCount);
        Parallel.For(0, paths.Length, new ParallelOptions { MaxDegreeOfParallelism = workers, CancellationToken = cancellationToken }, i =>
        {
            try
            {
                Image.Load(paths[i]);
            }
            catch (ApertureException error)
            {
                wrong[i] = error.Message;
            }
        });
        Dictionary<string, string> broken = paths.Zip(wrong).Where(pair => pair.Second is not null).ToDictionary(pair => pair.First, pair => pair.Second!);
        foreach (QuestionItem item in items.Where(item => item.Image is { } path && broken.ContainsKey(path)))
        {
            problems.Add(item.Line, $"{item.Where}: {broken[item.Image!]}");
        }
    }
}
