using Aperture.Data;
using Aperture.Images;

namespace Aperture.Evaluation;

/// <summary>
/// What can be wrong with questions, looked for before the first is asked: a run of hours must not end at a line that was wrong from the start.
/// </summary>
internal static class QuestionCheck
{
    private const int MostAtOnce = 4; // Pictures may be large.

    /// <summary>Checks that every question carries what the rule needs and looks for pictures that do not open.</summary>
    /// <param name="items">The questions.</param>
    /// <param name="options">How they are scored, and whether a picture that does not open ends the run.</param>
    /// <param name="cancellationToken">Checked between pictures.</param>
    /// <returns>The questions whose pictures do not open, by id, with the reason; and all of it in one line, null where all open.</returns>
    /// <exception cref="ApertureException">Something is wrong; the message names file, line and what, and the lines of all others.</exception>
    public static (IReadOnlyDictionary<string, string> Broken, string? Message) Run(
        IReadOnlyList<QuestionItem> items, EvaluationOptions options, CancellationToken cancellationToken)
    {
        if (items.Count == 0)
        {
            throw new ApertureException("There are no questions to score; give a question file with at least one line.");
        }

        LineProblems problems = new();
        HashSet<string> ids = new(StringComparer.Ordinal);
        foreach (QuestionItem item in items)
        {
            problems.Check(item.Line, () => options.Scoring.Check(item));
            if (!ids.Add(item.Id))
            {
                problems.Add(item.Line, $"{item.Where}: the id '{item.Id}' stands for another question already; ids must differ.");
            }
        }

        problems.ThrowIfAny();
        Dictionary<string, string> broken = Pictures(items, problems, cancellationToken);
        if (options.Strict || broken.Count == items.Count)
        {
            problems.ThrowIfAny();
        }

        return (broken, problems.Message);
    }

    // Each picture is opened as it will be: a header may promise what the rest does not hold.
    private static Dictionary<string, string> Pictures(IReadOnlyList<QuestionItem> items, LineProblems problems, CancellationToken cancellationToken)
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

        return items.Where(item => item.Image is { } path && broken.ContainsKey(path)).ToDictionary(item => item.Id, item => broken[item.Image!]);
    }
}
