using Aperture.Plugins;

namespace Aperture.TestPlugins;

/// <summary>Counts words, as often as is asked for.</summary>
internal sealed class CountCommand : IPluginCommand
{
    public string Name => "count";

    public string Summary => "Count words.";

    public IReadOnlyList<CommandParameter> Arguments =>
    [
        new("end", "The exit code, or throw or refuse.") { Required = true },
        new("words", "The words.") { Repeatable = true },
    ];

    public IReadOnlyList<CommandParameter> Options =>
    [
        new("times", "How often.") { Type = CommandValue.Integer, Default = "2" },
        new("scale", "A factor.") { Type = CommandValue.Number, ValueName = "factor" },
        new("more", "More words.") { Repeatable = true },
        new("loud", "In capitals.") { Type = CommandValue.Flag },
        new("chart", "A picture of it.") { ValueName = "file" },
        new("wait", "A file to wait for.") { ValueName = "file" },
    ];

    public async Task<int> RunAsync(ICommandContext context, CancellationToken cancellationToken)
    {
        int times = context.Integer("times")!.Value;
        string[] words = [.. context.Values("words"), .. context.Values("more")];
        for (int i = 0; i < words.Length; i++)
        {
            context.Progress($"word {words[i]}", i + 1, words.Length);
        }

        while (context.Text("wait") is { } file && !File.Exists(file))
        {
            await Task.Delay(20, cancellationToken).ConfigureAwait(false);
        }

        context.Show(new CommandTable(["word", "[length]"], [.. words.Select(word => new[] { word, $"{word.Length}" })]));
        context.WriteLine($"{words.Length * times * (context.Number("scale") ?? 1)} {(context.Flag("loud") ? "WORDS" : "words")}");
        if (context.Text("chart") is { } path)
        {
            double[] x = [.. words.Select((_, i) => (double)i)], y = [.. words.Select(word => word == "none" ? double.NaN : word.Length)];
            ChartSeries bars = new("bars", x, y) { BarWidth = 0.5 }, line = new("line", x, y) { Dash = ChartDash.Dotted };
            Chart chart = new("Words", "word", "length", [bars, line]) { Marks = [new ChartMark("here", 1)], XTicks = x, YLimits = (0, 20) };
            context.WriteLine(context.SaveChart(path, chart));
        }

        return context.Text("end") switch
        {
            "throw" => throw new InvalidOperationException("thrown on purpose"),
            "refuse" => throw new ApertureException("The words are no good; give others."),
            "ask" => context.Values("nothing").Count,
            "open" => context.OpenQuestions("any").Samples,
            string code => int.Parse(code),
            null => 0,
        };
    }
}
