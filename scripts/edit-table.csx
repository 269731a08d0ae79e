// Scores image editors on shelves that training never saw, a row a method: how well the mask meets the edited item's, what changes inside and outside of it,
// whether tiny-llava then sees the item that was asked for, its colour, its kind, and what it costs.
//
//     aperture shelf edits test --part HeldOut --pictures 100 --seed 2
//     aperture run scripts/edit-table.csx -- tiny-editor test [--limit N] [--only METHOD] [--sheet SHEET.png]
//
// Change is the mean difference of a byte, 0 to 255, from the picture itself; the autoencoder alone changes some. Intervals are of 95 %, over edits. The sheet
// has a row for each of the first edits: the picture, the true mask, and each method's mask and picture.
string Option(string name)
{
    int place = Args.ToList().IndexOf(name);
    return place < 0 ? "" : place + 1 < Args.Count ? Args[place + 1] : throw new ApertureException($"{name} needs a value.");
}

if (Args.Count < 2 || Args.Take(2).Any(word => word.StartsWith("--")))
{
    throw new ApertureException("usage: edit-table.csx -- MODEL TEST [--limit N] [--only METHOD] [--sheet SHEET.png]");
}

const int SheetRows = 8;
int limit = Option("--limit") is not { Length: > 0 } asked ? int.MaxValue
    : int.TryParse(asked, out int count) && count > 0 ? count : throw new ApertureException($"--limit {asked}: give a number above 0.");
string test = Args[1], only = Option("--only"), sheet = Option("--sheet");
Sample[] samples = [.. File.ReadLines(Path.Combine(test, "edits.txt")).Take(limit).Select(line => line.Split(" <> ")).Select(fields => new Sample(
    Images.Load(Path.Combine(test, fields[0] + ".png")), Images.Load(Path.Combine(test, fields[0] + "-mask.png")), fields[2], fields[3]))];
(string Name, string Options)[] methods =
[
    ("InstDiffEdit", "{}"),
    ("InstDiffEdit, painting the region", """{"Region": "inpaint", "RegionMargin": 4}"""),
    ("InstDiffEdit, region, ends once settled", """{"Region": "all", "RegionMargin": 4, "StopWhenSettled": true}"""),
    ("DiffEdit", """{"Method": "diffedit"}"""),
    ("SDEdit", """{"Method": "sdedit"}"""),
];
using var judge = await Models.Load("tiny-llava");
List<List<Image>> rows = [.. samples.Take(SheetRows).Select(sample => new List<Image> { sample.Picture, sample.Mask.ConvertToRgb() })];
Print("| method | mask IoU | change inside | change outside | seen as asked, % | its colour | its kind | UNet passes | GFLOPs | s |");
Print("|---|---|---|---|---|---|---|---|---|---|");
foreach ((string name, string options) in methods.Where(method => method.Name.StartsWith(only, StringComparison.OrdinalIgnoreCase)))
{
    using var editor = await Tasks.Load<IImageEditor>(Args[0], options: options);
    var each = Progress(name, samples.Length);
    List<Score> scores = [];
    for (int edit = 0; edit < samples.Length; edit++)
    {
        Score score = await Run(editor, samples[edit]);
        scores.Add(score);
        each.Report(edit + 1);
        if (edit < SheetRows)
        {
            rows[edit].AddRange(score.Mask is { } mask ? [Image.FromMask(mask).ConvertToRgb(), score.Edited] : [score.Edited]);
        }
    }

    string Cell(Func<Score, double> value, int digits)
    {
        double[] some = [.. scores.Select(value)];
        double mean = some.Average(), spread = Math.Sqrt(some.Sum(one => (one - mean) * (one - mean)) / Math.Max(1, some.Length - 1) / some.Length);
        return double.IsNaN(mean) ? "" : $"{Math.Round(mean, digits)} ± {Math.Round(1.96 * spread, digits)}";
    }

    double[] seconds = [.. scores.Select(score => score.Seconds).Order()];
    Print($"| {name} | {Cell(score => score.IoU, 3)} | {Cell(score => score.Inside, 1)} | {Cell(score => score.Outside, 1)} "
        + $"| {Cell(score => score.Seen, 0)} | {Cell(score => score.Color, 0)} | {Cell(score => score.Kind, 0)} "
        + FormattableString.Invariant($"| {scores.Average(score => score.Passes):0} | {scores.Average(score => score.Flops) / 1e9:0.0} ")
        + FormattableString.Invariant($"| {seconds[seconds.Length / 2]:0.0} |"));
}

if (sheet.Length > 0)
{
    Image.Montage([.. rows.SelectMany(row => row)], rows[0].Count, gap: 3).SavePng(sheet);
    Print(sheet);
}

async Task<Score> Run(OpenTask<IImageEditor> editor, Sample sample)
{
    var result = editor.Edit(
        sample.Picture, new EditRequest { Target = sample.Target, Source = sample.Source, Seed = 1 }, new TaskCall { Trace = name => name == "unet_passes" });
    Image edited = Image.FromPicture(result.Value.Picture!);
    // "top left red bag": tiny-llava is asked what is in the top left.
    string[] words = sample.Target.Split(' ');
    string[] seen = (await judge.Ask(edited, $"What is in the {words[0]} {words[1]}?", cancellationToken: Cancellation)).ToString().Trim().Split(' ');
    bool color = seen.First() == words[2], kind = seen.Last() == words[3];
    MaskImage right = new(sample.Mask.ConvertToL().Pixels.ToArray(), sample.Mask.Width, sample.Mask.Height);
    (double inside, double outside) = Change(sample.Picture, edited, right);
    return new Score(
        result.Value.Mask, edited, result.Value.Mask?.IoU(right) ?? double.NaN, inside, outside, color && kind ? 100 : 0, color ? 100 : 0, kind ? 100 : 0,
        result.Trace.Single().Values[0], result.Measure.TotalFlops, result.Measure.TotalMilliseconds / 1000);
}

(double Inside, double Outside) Change(Image before, Image after, MaskImage mask)
{
    byte[] a = before.ConvertToRgb().Pixels.ToArray(), b = after.ConvertToRgb().Pixels.ToArray();
    double Mean(bool inside)
        => Enumerable.Range(0, a.Length).Where(at => mask.IsInside(at / 3 % mask.Width, at / 3 / mask.Width) == inside).Average(at => Math.Abs(a[at] - b[at]));
    return (Mean(true), Mean(false));
}

record Sample(Image Picture, Image Mask, string Source, string Target);
record Score(
    MaskImage Mask, Image Edited, double IoU, double Inside, double Outside, double Seen, double Color, double Kind, double Passes, double Flops, double Seconds);
