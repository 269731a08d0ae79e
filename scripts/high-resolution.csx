// LLaVA-HR's small counterpart on shelves with printed numbers: at its own resolution, with its gates shut, and with pictures that hold no more than a low resolution does.
//
//     aperture run scripts/high-resolution.csx --threads 1 [-- --limit 60] [-- --low FOLDER]
//
// --low names a plain LLaVA that was trained to see 168 pixels (scripts/train). FLOPs are those of a whole request up to its first token, towers included; so are the
// milliseconds, medians over the first pictures.

string Option(string name, string fallback)
{
    int at = Args.ToList().IndexOf(name);
    return at >= 0 && at + 1 < Args.Count ? Args[at + 1] : fallback;
}

const int Low = 168;
int limit = int.Parse(Option("--limit", "100000"));
var items = QuestionFile.Read(Path.Combine(ScriptFolder, "data", "numbers-eval", "questions.jsonl"), needAnswers: true).Take(limit).ToList();
string[] fine = ["number-at", "number-of", "where-number"];

// The same pictures after a look at 168 pixels: shrunk as preprocessing shrinks, and as large as before again.
var folder = Directory.CreateTempSubdirectory("aperture-low");
string Shrunk(string file)
{
    string path = Path.Combine(folder.FullName, Path.GetFileName(file));
    if (!File.Exists(path))
    {
        var picture = Images.Load(file);
        picture.Resize(Low, Low).Resize(picture.Width, picture.Height).SavePng(path);
    }

    return path;
}

var shrunk = items.Select(item => item with { Image = Shrunk(item.Image!) }).ToList();

async Task<double> FirstTokenMs(Pipeline pipeline, List<QuestionItem> asked)
{
    var times = new List<double>();
    foreach (var file in asked.Select(item => item.Image!).Distinct().Take(10))
    {
        times.Add((await pipeline.Ask(Images.Load(file), "What is in the top left?", cancellationToken: Cancellation)).Times.FirstToken);
    }

    return times.Skip(1).Order().ElementAt((times.Count - 1) / 2); // the first one warms up
}

bool IsFine(QuestionItem item) => fine.Contains(item.Type);

string Over(IReadOnlyList<QuestionResult> results, bool fineOnes)
{
    var scores = results.Where((_, i) => IsFine(items[i]) == fineOnes).Select(result => result.Score).ToList();
    double mean = scores.Average();
    return FormattableString.Invariant($"{100 * mean:0.0} ± {196 * Math.Sqrt(mean * (1 - mean) / scores.Count):0.0} %");
}

Print("| pipeline | tokens | numbers right | items right | FLOPs | first token ms |");
Print("|---|---|---|---|---|---|");
double all = 0;

async Task<EvaluationReport> Row(string name, Pipeline pipeline, List<QuestionItem> asked)
{
    var report = Evaluator.Run(pipeline, asked, cancellationToken: Cancellation);
    all = all == 0 ? report.MeanFlops : all;
    double ms = await FirstTokenMs(pipeline, asked);
    Print(FormattableString.Invariant($"| {name} | {report.MeanVisualTokens:0} | {Over(report.Results, true)} | {Over(report.Results, false)} | {100 * report.MeanFlops / all:0} % | {ms:0.0} |"));
    return report;
}

// The gain question by question: 95 % of 10,000 draws of the questions with replacement.
void Gain(string name, EvaluationReport above, EvaluationReport below)
{
    foreach (bool fineOnes in new[] { true, false })
    {
        var gains = Enumerable.Range(0, items.Count).Where(i => IsFine(items[i]) == fineOnes).Select(i => above.Results[i].Score - below.Results[i].Score).ToArray();
        var random = new Random(1);
        var means = Enumerable.Range(0, 10_000).Select(_ => Enumerable.Range(0, gains.Length).Average(_ => gains[random.Next(gains.Length)])).Order().ToArray();
        Print(FormattableString.Invariant($"gain over {name} on {(fineOnes ? "numbers" : "items")}: {100 * gains.Average():+0.0;-0.0} points, 95 % between {100 * means[250]:+0.0;-0.0} and {100 * means[9749]:+0.0;-0.0}, {gains.Length} questions"));
    }
}

var hr = await Models.Load("tiny-llava-hr");
var whole = await Row("LLaVA-HR, 384 px", hr, items);
var blurred = await Row($"LLaVA-HR, picture shrunk to {Low} px first", hr, shrunk);
var shut = new ModelOptions { Encoder = "GateOverride=0", Threads = hr.Model.Ops.Threads };
await Row("LLaVA-HR, gates shut", await Models.Load("tiny-llava-hr", shut), items);
Pipeline? low = Option("--low", "") is { Length: > 0 } plain ? await Models.Load(plain) : null;
if (low is not null)
{
    await Row($"plain LLaVA, {Low} px", low, items);
    await Row("plain LLaVA, pooling to 36", low.With("pooling", new { Tokens = 36 }), items);
    await Row("plain LLaVA, downsample to 36", low.With("downsample", new { Tokens = 36 }), items);
}

foreach (int tokens in new[] { 72, 36 })
{
    await Row($"LLaVA-HR, pooling to {tokens}", hr.With("pooling", new { Tokens = tokens }), items);
    await Row($"LLaVA-HR, {tokens} at random", hr.With("random", new { Tokens = tokens }), items);
}

Print("");
Gain("the shrunk picture", whole, blurred);
foreach (bool fineOnes in low is null ? Array.Empty<bool>() : [true, false])
{
    var asked = items.Where(item => IsFine(item) == fineOnes).ToList();
    var test = Evaluator.Run([low!, hr], asked, cancellationToken: Cancellation).Reports[1].Against!;
    Print(FormattableString.Invariant($"gain over the plain model on {(fineOnes ? "numbers" : "items")}: {100 * test.Difference:+0.0;-0.0} ± {100 * test.HalfWidth:0.0} points, {test.Test} p = {test.P:0.0E+0}, {asked.Count} questions"));
}

Print("\n| question | 384 px | shrunk first |\n|---|---|---|");
foreach (var (type, right, count) in whole.ByType)
{
    var other = blurred.ByType.First(t => t.Type == type);
    Print(FormattableString.Invariant($"| {type} | {100 * right / count:0.0} % | {100 * other.Right / other.Count:0.0} % |"));
}

Print($"\n{whole.MeasuredOn}; 100 % are {all / 1e9:0.00} GFLOPs");
folder.Delete(recursive: true);
