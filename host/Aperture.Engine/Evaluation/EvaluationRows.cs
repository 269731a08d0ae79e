using Aperture.Comparing;
using Aperture.Data;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;

namespace Aperture.Evaluation;

/// <summary>The lines of an evaluation: the pipelines given, and what the options add. Owns the pipelines that were added.</summary>
internal sealed class EvaluationRows : IDisposable
{
    private const int MostBudgetQuestions = 16;
    private readonly List<EvaluationRow> _rows = [];
    private readonly List<Pipeline> _added = [];

    private EvaluationRows()
    {
    }

    /// <summary>All of them, in the order of tables.</summary>
    public IReadOnlyList<EvaluationRow> All => _rows;

    /// <summary>Makes the rows and builds their pipelines, so that what cannot be built is refused before the first question.</summary>
    /// <param name="pipelines">The pipelines; borrowed.</param>
    /// <param name="items">The questions.</param>
    /// <param name="options">What to add.</param>
    /// <param name="cancellationToken">Checked between layers.</param>
    /// <exception cref="ApertureException">There is no pipeline, one cannot be built, or baselines have nothing to be matched with.</exception>
    public static EvaluationRows Create(
        IReadOnlyList<Pipeline> pipelines, IReadOnlyList<QuestionItem> items, EvaluationOptions options, CancellationToken cancellationToken)
    {
        if (pipelines.Count == 0)
        {
            throw new ApertureException("There is nothing to score; give at least one pipeline.");
        }

        EvaluationRows rows = new();
        try
        {
            rows.Add(pipelines, items, options, cancellationToken);
            rows.NameApart();
            return rows;
        }
        catch
        {
            rows.Dispose();
            throw;
        }
    }

    /// <summary>Disposes the pipelines that were added.</summary>
    public void Dispose() => _added.ForEach(pipeline => pipeline.Dispose());

    private void Add(IReadOnlyList<Pipeline> pipelines, IReadOnlyList<QuestionItem> items, EvaluationOptions options, CancellationToken cancellationToken)
    {
        IReadOnlyList<PluginMethod> baselines = options.AddBaselines ? pipelines[0].Session.Baselines() : [];
        QuestionItem[] samples = options.AddBaselines ? Samples(items) : [];
        if (options.AddBaselines && !pipelines.Any(pipeline => IsReducing(pipeline, baselines)))
        {
            throw new ApertureException("Baselines get the FLOPs of pipelines with methods, and there is none; name a method beside them (--with).");
        }

        foreach (Pipeline pipeline in pipelines)
        {
            EvaluationRow row = new(pipeline.Build(), options.Blind);
            _rows.Add(row);
            if (options.AddBlind && _rows.Count == 1)
            {
                _rows.Add(new EvaluationRow(pipeline, isBlind: true));
            }

            if (IsReducing(pipeline, baselines))
            {
                AddBaselines(row, baselines, samples, options, cancellationToken);
            }
        }
    }

    private void AddBaselines(
        EvaluationRow row, IReadOnlyList<PluginMethod> baselines, QuestionItem[] samples, EvaluationOptions options, CancellationToken cancellationToken)
    {
        MethodBudget budget = MethodBudget.Of(
            row.Pipeline, samples.Select(item => (options.Pictures.Apply(Image.Load(item.Image!)), options.Scoring.Question(item))), cancellationToken);
        foreach (PluginMethod baseline in baselines.Where(baseline => baseline.Fits(row.Model.Encoder)))
        {
            Pipeline made = budget.Give(baseline);
            EvaluationRow? same = _rows.FirstOrDefault(other => other.Pipeline.Label == made.Label && other.Model == row.Model && other.IsBlind == row.IsBlind);
            if (same is null)
            {
                _added.Add(made.Build());
                _rows.Add(same = new EvaluationRow(made, row.IsBlind));
            }

            same.BudgetOf.Add(row);
        }
    }

    // Questions with pictures, evenly from the whole file: what a method leaves out may depend on them.
    private static QuestionItem[] Samples(IReadOnlyList<QuestionItem> items)
    {
        QuestionItem[] pictured = [.. items.Where(item => item.Image is not null)];
        int count = Math.Min(MostBudgetQuestions, pictured.Length);
        return count == 0 ? throw new ApertureException("Baselines reduce pictures, and no question has one; leave them out.")
            : [.. Enumerable.Range(0, count).Select(i => pictured[(int)((long)i * pictured.Length / count)])];
    }

    private static bool IsReducing(Pipeline pipeline, IReadOnlyList<PluginMethod> baselines)
        => baselines.Count > 0 && pipeline.Methods.Any(method => !baselines.Any(baseline => IsNamed(method, baseline)));

    private static bool IsNamed(MethodUse method, PluginMethod baseline) => string.Equals(method.Name, baseline.Name, StringComparison.OrdinalIgnoreCase);

    // Models tell pipelines of several models apart, numbers what is left.
    private void NameApart()
    {
        if (_rows.Select(row => row.Model).Distinct().Count() > 1)
        {
            _rows.ForEach(row => row.Label = $"{row.Model.Name}: {row.Label}");
        }

        foreach (IGrouping<string, EvaluationRow> same in _rows.GroupBy(row => row.Label).Where(group => group.Count() > 1).ToArray())
        {
            int number = 0;
            foreach (EvaluationRow row in same)
            {
                row.Label += ++number == 1 ? "" : $" ({number})";
            }
        }
    }
}
