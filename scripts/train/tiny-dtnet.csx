// Trains small captioners on shelves, from random weights, and scores them on shelves of photographs that training never saw: static paths (every cell counts
// the same), random paths (one cell of each stage, drawn anew), dynamic paths (the routers', as published), and hard routes on the dynamic one.
//
//     aperture shelf captions train --part Training --pictures 6000
//     aperture shelf captions test --part HeldOut --pictures 300 --seed 2
//     aperture caption-start train/captions.jsonl start --features 128 --width 128 --heads 4 --longest 40 --least 1
//     aperture run scripts/train/tiny-dtnet.csx -- start/dtnet.safetensors train test out --steps 2000 --critical 100
//
// Pictures are encoded by tiny-llava's tower. A training that was stopped goes on when the same command is given again.
using System.Text.Json;
using Aperture.Text;

int Steps(string name, int usual)
{
    int place = Args.ToList().IndexOf(name);
    return place < 0 ? usual
        : place + 1 < Args.Count && int.TryParse(Args[place + 1], out int steps) && steps > 0 ? steps
        : throw new ApertureException($"{name} needs a number above 0.");
}

int steps = Steps("--steps", 2000), critical = Steps("--critical", 100);
if (Args.Count < 4 || Args.Take(4).Any(word => word.StartsWith("--")))
{
    throw new ApertureException("usage: tiny-dtnet.csx -- START TRAIN TEST OUT [--steps N] [--critical N]");
}

const int LongestCaption = 36;
string start = Args[0], samples = Path.Combine(Args[1], "captions.jsonl"), output = Args[3];
var references = JsonSerializer.Deserialize<Dictionary<string, string[]>>(File.ReadAllText(Path.Combine(Args[2], "references.json")))!;
string tower = "tiny-llava", vocabulary = Path.Combine(Path.GetDirectoryName(Path.GetFullPath(start))!, "vocabulary.json");

async Task<string> Train(string from, string name, object options)
{
    string folder = Path.Combine(output, name);
    await Tasks.Train(from, samples, folder, "dtnet", options);
    return Path.Combine(folder, "dtnet.safetensors");
}

Print("| paths | CIDEr-D | BLEU-4 | ROUGE-L | wholly true | GFLOPs | ms |");
Print("|---|---|---|---|---|---|---|");
string dynamic = "";
foreach (string route in new[] { "Static", "Random", "Soft" })
{
    dynamic = await Train(start, route, new
    {
        Route = route, Vocabulary = vocabulary, Tower = tower, LongestCaption, Steps = steps, BatchSize = 10, OfficialRates = false, Rate = 1e-3,
        Schedule = "Cosine", WarmUp = 0.05, LargestGradient = 1, Augment = false, SaveHalf = true,
    });
    await Row(route == "Soft" ? "dynamic" : route.ToLowerInvariant(), dynamic, new { Route = route, Tower = tower, LongestCaption });
}

await Row("dynamic, heaviest cell only", dynamic, new { Route = "Argmax", Tower = tower, LongestCaption });
await Row("dynamic, cells from 0.3", dynamic, new { Route = "Threshold", Tower = tower, LongestCaption });
string rewarded = await Train(dynamic, "SelfCritical", new
{
    Stage = "SelfCritical", Vocabulary = vocabulary, Tower = tower, LongestCaption, Steps = critical, BatchSize = 10, OfficialRates = false, Rate = 2e-5,
    Augment = false, SaveHalf = true,
});
await Row("dynamic, then self-critical", rewarded, new { Tower = tower, LongestCaption });

// One picture at a time. Intervals are of 95 %, over pictures.
async Task Row(string name, string checkpoint, object options)
{
    using var dtnet = await Tasks.Load<ICaptioner>(checkpoint, "dtnet", options);
    List<CaptionedItem> items = [];
    List<double> flops = [], milliseconds = [];
    foreach ((string image, string[] sentences) in references)
    {
        var captions = dtnet.Caption([new CaptionInput(Images.Load(Path.Combine(Args[2], image)).ToPicture())]);
        items.Add(new CaptionedItem(image, PtbTokenizer.Tokenize(captions.Value[0][0].Text), [.. sentences.Select(PtbTokenizer.Tokenize)]));
        flops.Add(captions.Measure.TotalFlops / 1e9);
        milliseconds.Add(captions.Measure.TotalMilliseconds);
    }

    var scores = CaptionScores.Of(items);
    string Mean(IEnumerable<double> each)
    {
        double[] all = [.. each];
        double mean = all.Average(), spread = Math.Sqrt(all.Sum(value => Math.Pow(value - mean, 2)) / (all.Length - 1));
        return FormattableString.Invariant($"{100 * mean:0.0} ± {196 * spread / Math.Sqrt(all.Length):0.0}");
    }

    string[] columns =
    [
        name, Mean(scores.CiderD.Each), FormattableString.Invariant($"{100 * scores.Bleu[3].Total:0.0}"), Mean(scores.RougeL.Each),
        Mean(items.Select(item => item.References.Contains(item.Caption) ? 1.0 : 0)) + " %",
        FormattableString.Invariant($"{flops.Average():0.000}"), FormattableString.Invariant($"{milliseconds.Order().ElementAt(milliseconds.Count / 2):0.0}"),
    ];
    Print($"| {string.Join(" | ", columns)} |");
}
