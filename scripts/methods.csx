// Every method and some compositions on the held-out shelves: accuracy, FLOPs, prefill, decode, cache; each beside a random choice of visual tokens at the same mean FLOPs.
//
//     aperture run scripts/methods.csx --threads 1 [-- --limit 60] [-- --output plot.png]
//
// "random" is drawn over the same model as the method where the method brings its own weights. A margin counts where it is wider than the two 95 % intervals together.

string Option(string name, string fallback)
{
    int at = Args.ToList().IndexOf(name);
    return at >= 0 && at + 1 < Args.Count ? Args[at + 1] : fallback;
}

int limit = int.Parse(Option("--limit", "100000"));
var items = QuestionFile.Read(Path.Combine(ScriptFolder, "data", "shelf-eval", "questions.jsonl"), needAnswers: true).Take(limit).ToList();
var few = items.Where((_, i) => i % 6 == 0).ToList();

EvaluationReport Score(Pipeline pipeline) => Evaluator.Run(pipeline, items, cancellationToken: Cancellation);

double Flops(Pipeline pipeline) => Evaluator.Run(pipeline, few, new EvaluationOptions { MaxNewTokens = 1 }, cancellationToken: Cancellation).MeanFlops;

// The most random tokens whose mean FLOPs do not exceed the method's.
int RandomTokens(Pipeline model, double flops)
{
    int low = 0, high = 144;
    while (low < high)
    {
        int middle = (low + high + 1) / 2;
        (low, high) = Flops(model.Plain().With("random", new { Tokens = middle })) <= flops ? (middle, high) : (low, middle - 1);
    }

    return low;
}

var llava = await Models.Load("tiny-llava");
var none = Score(llava);
double all = none.MeanFlops;
Dictionary<string, List<TradeOffPoint>> lines = [];
Print("| pipeline | accuracy | FLOPs | prefill ms | decode ms | KV KiB | random at these FLOPs | margin |");
Print("|---|---|---|---|---|---|---|---|");

void Row(string name, EvaluationReport report, string random = "", string margin = "")
    => Print(FormattableString.Invariant($"| {name} | {100 * report.Accuracy:0.0} ± {100 * report.HalfWidth:0.0} % | {100 * report.MeanFlops / all:0.0} % | {report.PrefillMs:0.00} | {report.DecodeMs:0.00} | {report.MeanCacheBytes / 1024:0} | {random} | {margin} |"));

void Point(string? line, EvaluationReport report)
{
    if (line is null)
    {
        return;
    }

    if (!lines.TryGetValue(line, out var points))
    {
        lines[line] = points = [];
    }

    points.Add(new TradeOffPoint(100 * report.MeanFlops / all, report.Accuracy, report.HalfWidth));
}

void Compare(string? line, string name, Pipeline pipeline)
{
    var report = Score(pipeline);
    int tokens = RandomTokens(pipeline, Flops(pipeline));
    var random = Score(pipeline.Plain().With("random", new { Tokens = tokens }));
    double margin = report.Accuracy - random.Accuracy, needed = Math.Sqrt((report.HalfWidth * report.HalfWidth) + (random.HalfWidth * random.HalfWidth));
    Row(name, report,
        FormattableString.Invariant($"{100 * random.Accuracy:0.0} ± {100 * random.HalfWidth:0.0} % ({tokens} tokens)"),
        FormattableString.Invariant($"{100 * margin:+0.0;-0.0} (needs {100 * needed:0.0})"));
    Point(line, report);
    Point(pipeline.Model == llava.Model && line is not null ? "random" : null, random);
}

Row("none", none);
foreach (int tokens in new[] { 72, 36, 18 })
{
    var pooling = Score(llava.With("pooling", new { Tokens = tokens }));
    Row($"pooling, {tokens} tokens", pooling);
    Point("pooling", pooling);
    var downsample = Score(llava.With("downsample", new { Tokens = tokens }));
    Row($"downsample, {downsample.MeanVisualTokens:0} tokens", downsample);
    Point("downsample", downsample);
}

Compare("sap", "sap, 36 tokens", llava.With("sap", new { Pool = 2 }));
Compare("sap + embq", "sap + embq, 36 tokens and 9 queries", llava.With("sap", new { Pool = 2 }).With("embq", new { Layer = 2 }));

foreach (double reduction in new[] { 0.5, 0.6, 0.7, 0.8 })
{
    Compare("fitprune", $"fitprune, {100 * reduction:0} %", llava.With("fitprune", new { Reduction = reduction }));
}

foreach (double threshold in new[] { 0.9, 0.7, 0.5 })
{
    Compare("dyvte", $"dyvte, threshold {threshold}", llava.With("dyvte", new { Threshold = threshold }));
}

// gamma-MoD's and the dense baseline's weights were trained the same extra steps.
var dense = await Models.Load("tiny-llava-dense");
Row("none, trained on (dense)", Score(dense));
var routed = await Models.Load("tiny-llava-gamma-mod");
Row("none, on gamma-MoD's weights", Score(routed));
Compare("gamma-mod", "gamma-mod as published", routed.With("gamma-mod"));
foreach (double threshold in new[] { 0.1, 0.5, 0.8 })
{
    Compare("gamma-mod", $"gamma-mod, threshold {threshold}, question and answer always run", routed.With("gamma-mod", new { PrefillThreshold = threshold, ForceTokens = "question", DecodeThreshold = 0.0 }));
}

Compare(null, "gamma-mod, router alone", llava.With("gamma-mod", new { ForceTokens = "question", DecodeThreshold = 0.0 }));

foreach (int skipped in new[] { 2, 3, 4 })
{
    Compare("eas", $"eas, {skipped} of 8 attentions skipped", llava.With("eas", new { Adapters = skipped == 3 ? "eas/adapters.safetensors" : $"eas/adapters-{skipped}.safetensors" }));
}

Compare("fitprune + dyvte", "fitprune 50 % + dyvte 0.9", llava.With("fitprune", new { Reduction = 0.5 }).With("dyvte", new { Threshold = 0.9 }));
Compare("fitprune + dyvte", "fitprune 70 % + dyvte 0.7", llava.With("fitprune", new { Reduction = 0.7 }).With("dyvte", new { Threshold = 0.7 }));
Compare(null, "dyvte 0.9 + eas 2", llava.With("dyvte", new { Threshold = 0.9 }).With("eas", new { Adapters = "eas/adapters-2.safetensors" }));
Compare(null, "fitprune 60 % + dyvte 0.8 + eas 2", llava.With("fitprune", new { Reduction = 0.6 }).With("dyvte", new { Threshold = 0.8 }).With("eas", new { Adapters = "eas/adapters-2.safetensors" }));
Compare(null, "dyvte 0.9 + gamma-mod 0.5", routed.With("dyvte", new { Gates = Path.Combine(llava.Model.Folder, "dyvte", "gates.safetensors"), Threshold = 0.9 }).With("gamma-mod", new { PrefillThreshold = 0.5, ForceTokens = "question", DecodeThreshold = 0.0 }));

Print($"\n{none.MeasuredOn}; times are medians in ms\n");
Print(TradeOffPlot.SavePng(Option("--output", "methods.png"), "tiny-llava on held-out shelves", "FLOPs to the first token, % of un-pruned", [.. lines.Select(l => (l.Key, (IReadOnlyList<TradeOffPoint>)l.Value))], null));
