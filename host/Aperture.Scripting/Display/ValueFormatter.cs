using System.Reflection;
using Aperture.Comparing;
using Aperture.Evaluation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Tasks;
using TorchSharp;

namespace Aperture.Scripting;

/// <summary>
/// Turns values into what is shown of them, the same way in scripts, the REPL and notebooks. Knows tensors, modules, pictures, plots, token maps, comparisons,
/// pipelines and answers; sequences of records become tables; everything else is text. <see cref="Add{T}"/> teaches it more.
/// </summary>
public sealed class ValueFormatter
{
    private const int PlotWidth = 720;
    private const int PlotHeight = 440;

    private readonly List<Func<object, DisplayForm?>> _rules =
    [
        Rule<torch.Tensor>(TensorText.Describe),
        Rule<torch.nn.Module>(ModuleText.Describe),
        Rule<Image>(image => new DisplayForm($"Image {image.Width}x{image.Height} {image.Mode}") { Picture = image }),
        Rule<SixLabors.ImageSharp.Image>(
            image => new DisplayForm($"Image {image.Width}x{image.Height} of ImageSharp") { Draw = () => Image.FromImageSharp(image) }),
        Rule<ScottPlot.Plot>(
            plot => new DisplayForm("Plot") { Draw = () => Image.Decode(plot.GetImageBytes(PlotWidth, PlotHeight, ScottPlot.ImageFormat.Png)) }),
        Rule<TokenMap>(
            map => new DisplayForm($"Token map: {Comparison.Runs([.. map.Kept.Select(k => k.Count)])} of {map.Grid.Count} tokens") { Draw = map.Draw }),
        Rule<HeatMap>(
            map => new DisplayForm($"Heat map of {map.Grid.Rows}x{map.Grid.Columns} places: {string.Join(", ", map.Panels.Select(panel => panel.Name))}")
            {
                Draw = map.Draw,
            }),
        Rule<Comparison>(
            comparison => OfTable(new DisplayTable(comparison.Heads, comparison.Cells) { Title = comparison.Question, Caption = comparison.Caption })),
        Rule<BatchComparison>(
            batches => OfTable(new DisplayTable(batches.Heads, batches.Cells) { Title = batches.Question, Caption = batches.Caption })),
        Rule<LaterComparison>(
            later => OfTable(new DisplayTable(later.Heads, later.Cells) { Title = later.Later, Caption = later.Caption })),
        Rule<StageProfile>(
            profile => OfTable(new DisplayTable(profile.Heads, profile.Cells) { Title = profile.Title, Caption = profile.Caption })),
        Rule<Measurement>(EngineText.Describe),
        Rule<EvaluationResult>(EvaluationTables.Describe),
        Rule<PairedTest>(test => new DisplayForm(test.ToString())),
        Rule<Pipeline>(EngineText.Describe),
        Rule<Chat>(EngineText.Describe),
        Rule<Answer>(EngineText.Describe),
        Rule<Model>(EngineText.Describe),
        Rule<WorkProgress>(progress => new DisplayForm(progress.ToString()) { Html = progress.ToHtml() }),
        Rule<IReadOnlyList<PluginStatus>>(plugins => OfTable(PluginTable.Create(plugins))),
        Rule<IReadOnlyList<PluginMethod>>(methods => OfTable(PluginTable.Create(methods))),
        Rule<PluginReload>(reload => new DisplayForm(reload.Message)),
        Rule<DisplayTable>(OfTable),
        Rule<DisplayForm>(form => form),
    ];

    /// <summary>Teaches the forms of a type and of those derived from it; later rules win.</summary>
    /// <typeparam name="T">The type.</typeparam>
    /// <param name="format">Gives the forms of a value.</param>
    public void Add<T>(Func<T, DisplayForm> format) => _rules.Insert(0, Rule(format));

    /// <summary>The forms of a value. A value that cannot be shown (a disposed tensor, a property that throws) says so in its text.</summary>
    /// <param name="value">The value; null reads as <c>null</c>.</param>
    public DisplayForm Format(object? value)
    {
        if (value is null or string)
        {
            return new DisplayForm(ValueText.Format(value));
        }

        foreach (Func<object, DisplayForm?> rule in _rules)
        {
            if (rule(value) is { } form)
            {
                return form;
            }
        }

        return RecordTable.TryCreate(value, InCell) is { } table
            ? new DisplayForm(RecordTable.IsLazy(value) ? table.ToString() : ValueText.Format(value, Nested)) { Table = table }
            : new DisplayForm(ValueText.Format(value, Nested));
    }

    /// <summary>The forms of a value, with the value of each of its public properties below.</summary>
    /// <param name="value">The value; null reads as <c>null</c>.</param>
    public DisplayForm FormatInDetail(object? value)
    {
        DisplayForm plain = Format(value);
        IEnumerable<string> properties = value is null or string ? [] : value.GetType().GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(p => p.CanRead && p.GetIndexParameters().Length == 0)
            .Select(p => $"  {p.Name}: {ValueText.Format(ValueText.Read(p, value), Nested)}");
        return new DisplayForm(string.Join('\n', [value is null ? plain.Text : $"{TypeName.Of(value.GetType())}: {plain.Text}", .. properties]));
    }

    // What a rule says about a value inside another one, in one line; null where no rule knows it.
    private string? Nested(object value) =>
        _rules.Select(rule => rule(value)).FirstOrDefault(form => form is not null)?.Text.Split('\n')[0];

    // A cell names a pipeline as every table does.
    private string? InCell(object value) => value is Pipeline pipeline ? pipeline.Label : Nested(value);

    private static DisplayForm OfTable(DisplayTable table) => new(table.ToString()) { Table = table };

    private static Func<object, DisplayForm?> Rule<T>(Func<T, DisplayForm> format) => value => value is T known ? format(known) : null;
}
