// Trains three small DITs on shelves, from random weights, and scores them on shelves of photographs that training never saw: the sentence in the mask decoder
// alone (SAM's own fusion), end-to-end and layer-wise, beside a baseline that segments everything of the named kind. Sentences that name an item by its place
// stand apart from those that name it by its look.
//
//     aperture shelf references train --part Training --per-type 4000
//     aperture shelf references test --part HeldOut --per-type 80 --seed 2
//     aperture run scripts/train/tiny-dit.csx -- train test out --steps 4000
//
// A training that was stopped goes on when the same command is given again.
#load "../sam-weights.csx"
using System.Text.Json;

if (Args.Count is not (3 or 5) || (Args.Count == 5 && (Args[3] != "--steps" || !int.TryParse(Args[4], out _))))
{
    throw new ApertureException("usage: tiny-dit.csx -- TRAIN TEST OUT [--steps N]");
}

const int Width = 128, Side = 96, Rows = 12;
int steps = Args.Count == 5 ? int.Parse(Args[4]) : 4000;
string samples = Path.Combine(
    Args[0], "references.jsonl"), output = Directory.CreateDirectory(Args[2]).FullName, start = Path.Combine(output, "start.safetensors");
JsonElement[] Lines(string folder)
    => [.. File.ReadLines(Path.Combine(folder, "references.jsonl")).Select(line => JsonSerializer.Deserialize<JsonElement>(line))];
string Text(JsonElement line, string field) => line.GetProperty(field).GetString()!;

if (!File.Exists(start))
{
    string[] words = [.. Lines(Args[0]).SelectMany(line => Text(line, "text").Split(' ')).Distinct().Order(StringComparer.Ordinal)];
    File.WriteAllLines(Path.Combine(output, "vocab.txt"), ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", .. words]);
    torch.manual_seed(1);
    SaveWeights(start, RandomSam(new SamSizes(Width, 4, 4, Side / 8, 8, 0, 0, 64, 128)), RandomBert(words.Length + 5, Width, Rows + 4));
}

JsonElement[] test = Lines(Args[1]);
string[] types = [.. test.Select(line => Text(line, "type")).Distinct()];
Print($"| model | {string.Join(" | ", types)} | by look | by place | all |");
Print($"|---|{string.Concat(Enumerable.Repeat("---|", types.Length + 3))}");
Row("everything of the kind", line => Mask(Text(line, "kind_mask")));
foreach (string variant in new[] { "Default", "EndToEnd", "LayerWise" })
{
    string folder = Path.Combine(output, variant);
    object options = new
    {
        Variant = variant, TextHeads = 4, DecoderHeads = 4, MaxTokens = Rows, Steps = steps, BatchSize = 16, Rate = 1e-3, RateRule = "Shared", WarmUp = 0.05,
        LargestGradient = 1, Loss = "Combined", Ema = 0.999, Augment = false, Dropout = 0, SaveHalf = true,
    };
    await Tasks.Train(start, samples, folder, "dit-sam", options);
    using var dit = await Tasks.Load<ISegmenter>(
        Path.Combine(folder, "dit.safetensors"), "dit-sam", new { Variant = variant, TextHeads = 4, DecoderHeads = 4, MaxTokens = Rows });
    Row(variant, line => dit.Segment(Images.Load(Path.Combine(Args[1], Text(line, "image"))), Text(line, "text")).Value.Mask);
}

MaskImage Mask(string file)
{
    var image = Images.Load(Path.Combine(Args[1], file)).ConvertToL();
    return new MaskImage(image.Pixels.ToArray(), image.Width, image.Height);
}

// Mean IoU in percent with its interval of 95 % and, behind it, the share of masks that overlap by more than half.
void Row(string name, Func<JsonElement, MaskImage> find)
{
    var scores = test.Select(line => (Type: Text(line, "type"), IoU: find(line).IoU(Mask(Text(line, "mask"))))).ToList();
    string Cell(Func<string, bool> counts)
    {
        double[] some = [.. scores.Where(score => counts(score.Type)).Select(score => score.IoU)];
        if (some.Length < 2)
        {
            return "";
        }

        double mean = some.Average(), width = 196 * Math.Sqrt(some.Sum(iou => (iou - mean) * (iou - mean)) / (some.Length - 1) / some.Length);
        return FormattableString.Invariant($"{100 * mean:0.0} ± {width:0.0} ({100.0 * some.Count(iou => iou > 0.5) / some.Length:0} %)");
    }

    string cells = string.Join(" | ", types.Select(type => Cell(other => other == type)));
    Print($"| {name} | {cells} | {Cell(type => type == "look")} | {Cell(type => type != "look")} | {Cell(_ => true)} |");
}
