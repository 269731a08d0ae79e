// Accuracy against FLOPs and milliseconds on the held-out shelves: FitPrune from 0 to 90 %, and random choice, pooling and a smaller picture at the same FLOPs.
//
//     aperture run scripts/accuracy.csx [-- --output plot.png] [-- --limit 60]

string Option(string name, string fallback)
{
    int at = Args.ToList().IndexOf(name);
    return at >= 0 && at + 1 < Args.Count ? Args[at + 1] : fallback;
}

string output = Option("--output", "accuracy.png");
int limit = int.Parse(Option("--limit", "100000"));

var llava = await Models.Load("tiny-llava");
var items = QuestionFile.Read(Path.Combine(ScriptFolder, "data", "shelf-eval", "questions.jsonl"), needAnswers: true).Take(limit).ToList();

var model = Evaluator.Run([llava], items, new EvaluationOptions { AddBlind = true }).Reports;
var (none, blind) = (model[0], model[1]);
Print($"un-pruned {none.Accuracy:P1}, picture blanked {blind.Accuracy:P1}, {items.Count} questions");
foreach (var (type, right, count) in none.ByType)
{
    var guessed = blind.ByType.First(t => t.Type == type);
    Print($"  {type,-12} {(double)right / count,7:P1}   picture blanked {(double)guessed.Right / guessed.Count,7:P1}");
}

Print("| reduction | tokens kept | FLOPs | fitprune | random | pooling | downsample | prefill ms fitprune | random | pooling | downsample |");
Print("|---|---|---|---|---|---|---|---|---|---|---|");
Print($"| 0 % | 144 | 100 % | {none.Accuracy:P1} ± {none.HalfWidth:P1} | | | | {none.PrefillMs:0.00} | | | |");

var lines = new Dictionary<string, List<TradeOffPoint>> { ["fitprune"] = [], ["random"] = [], ["pooling"] = [], ["downsample"] = [] };
TradeOffPoint Point(EvaluationReport report) => new(100 * report.MeanFlops / none.MeanFlops, report.Accuracy, report.HalfWidth);
foreach (var line in lines.Values)
{
    line.Add(Point(none));
}

for (int percent = 10; percent <= 90; percent += 10)
{
    var rows = Evaluator.Run([llava.With("fitprune", new { Reduction = percent / 100.0 })], items, new EvaluationOptions { AddBaselines = true }).Reports;
    var reports = lines.Keys.Select(name => rows.First(row => row.Label.StartsWith(name + "("))).ToList();
    for (int i = 0; i < reports.Count; i++)
    {
        lines.Values.ElementAt(i).Add(Point(reports[i]));
    }

    Print($"| {percent} % | {reports[1].MeanVisualTokens:0} | {reports[0].MeanFlops / none.MeanFlops:P1} | {string.Join(" | ", reports.Select(r => $"{r.Accuracy:P1} ± {r.HalfWidth:P1}"))} | {string.Join(" | ", reports.Select(r => $"{r.PrefillMs:0.00}"))} |");
}

Print($"\n{none.MeasuredOn}; times are medians in ms\n");
Print(TradeOffPlot.SavePng(output, "tiny-llava on held-out shelves", "FLOPs to the first token, % of un-pruned", [.. lines.Select(l => (l.Key, (IReadOnlyList<TradeOffPoint>)l.Value))], blind.Accuracy));
