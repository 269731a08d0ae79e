// LLaVA-HR's small counterpart on shelves with printed numbers, beside a plain LLaVA with the same decoder that sees the low resolution alone.
//
//     aperture run scripts/high-resolution.csx --threads 1 [-- --limit 60]
//
// FLOPs are those of a whole request up to its first token, towers included; so are the milliseconds, medians over the first pictures.

string Option(string name, string fallback)
{
    int at = Args.ToList().IndexOf(name);
    return at >= 0 && at + 1 < Args.Count ? Args[at + 1] : fallback;
}

int limit = int.Parse(Option("--limit", "100000"));
var items = QuestionFile.Read(Path.Combine(ScriptFolder, "data", "numbers-eval", "questions.jsonl"), needAnswers: true).Take(limit).ToList();
string[] fine = ["number-at", "number-of", "where-number"];
var pictures = items.Select(item => item.Image!).Distinct().Take(9).Select(Images.Load).ToList();

async Task<double> FirstTokenMs(Pipeline pipeline)
{
    var times = new List<double>();
    foreach (var picture in pictures.Prepend(pictures[0]))
    {
        times.Add((await pipeline.Ask(picture, "What is in the top left?", cancellationToken: Cancellation)).Times.FirstToken);
    }

    return times.Skip(1).Order().ElementAt((times.Count - 1) / 2);
}

string Percent(double share, double half) => FormattableString.Invariant($"{100 * share:0.0} ± {100 * half:0.0} %");

string Over(IReadOnlyList<QuestionResult> results, bool fineOnes)
{
    var scores = results.Where((_, i) => fine.Contains(items[i].Type) == fineOnes).Select(result => result.Score).ToList();
    double mean = scores.Average();
    return Percent(mean, 1.96 * Math.Sqrt(mean * (1 - mean) / scores.Count));
}

Print("| pipeline | tokens | numbers right | items right | FLOPs | first token ms |");
Print("|---|---|---|---|---|---|");
var low = await Models.Load("tiny-llava-low");
var hr = await Models.Load("tiny-llava-hr");
var plain = new Dictionary<string, EvaluationReport>();
double all = 0;

async Task Row(string name, Pipeline pipeline)
{
    var report = Evaluator.Run(pipeline, items, cancellationToken: Cancellation);
    plain[name] = report;
    all = all == 0 ? report.MeanFlops : all;
    double ms = await FirstTokenMs(pipeline);
    Print(FormattableString.Invariant($"| {name} | {report.MeanVisualTokens:0} | {Over(report.Results, true)} | {Over(report.Results, false)} | {100 * report.MeanFlops / all:0} % | {ms:0.0} |"));
}

await Row("low resolution, 168 px", low);
await Row("LLaVA-HR, 384 px", hr);
await Row("LLaVA-HR, gates shut", await Models.Load("tiny-llava-hr", new ModelOptions { Encoder = "GateOverride=0", Threads = low.Model.Ops.Threads }));
foreach (int tokens in new[] { 72, 36 })
{
    await Row($"LLaVA-HR, pooling to {tokens}", hr.With("pooling", new { Tokens = tokens }));
    await Row($"low resolution, pooling to {tokens}", low.With("pooling", new { Tokens = tokens }));
    await Row($"low resolution, downsample to {tokens}", low.With("downsample", new { Tokens = tokens }));
}

// The gain over the low resolution, question by question.
foreach (bool fineOnes in new[] { true, false })
{
    var asked = items.Where(item => fine.Contains(item.Type) == fineOnes).ToList();
    var gain = Evaluator.Run([low, hr], asked, cancellationToken: Cancellation).Reports[1].Against!;
    Print(FormattableString.Invariant($"\ngain on {(fineOnes ? "numbers" : "items")}: {100 * gain.Difference:+0.0;-0.0} ± {100 * gain.HalfWidth:0.0} points, {asked.Count} questions, {gain.Test} p = {gain.P:0.0E+0}"));
}

Print("\n| question | low resolution | LLaVA-HR |\n|---|---|---|");
foreach (var (type, right, count) in plain["LLaVA-HR, 384 px"].ByType)
{
    var other = plain["low resolution, 168 px"].ByType.First(t => t.Type == type);
    Print(FormattableString.Invariant($"| {type} | {100 * other.Right / other.Count:0.0} % | {100 * right / count:0.0} % |"));
}

Print($"\n{plain.Values.First().MeasuredOn}; 100 % are {all / 1e9:0.00} GFLOPs");
