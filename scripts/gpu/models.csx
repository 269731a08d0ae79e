// The shipped models on a device, beside what they said on the CPU: answers with and without methods, masks, captions, pictures.
//
//     aperture run --device cpu scripts/gpu/models.csx -- --device cpu --write models.json
//     aperture run --device cuda scripts/gpu/models.csx -- --device cuda --compare models.json
//
// Where an answer differs in float32, or in bf16 more often than one in twenty, the exit code is 1; masks may differ by 2 % of their union, bytes of pictures
// by 2.
using System.Text.Json;
using Aperture.Models;

Dictionary<string, string> given = new() { ["--device"] = "", ["--limit"] = "40", ["--write"] = "", ["--compare"] = "" };
for (int i = 0; i + 1 < Args.Count; i += 2)
{
    given[given.ContainsKey(Args[i]) ? Args[i] : throw new ApertureException($"'{Args[i]}' is no option; there are {string.Join(", ", given.Keys)}.")]
        = Args[i + 1];
}

if (given["--device"].Length == 0 || (given["--write"].Length == 0) == (given["--compare"].Length == 0))
{
    throw new ApertureException("usage: models.csx -- --device cpu|cuda|cuda:N (--write FILE | --compare FILE) [--limit N]");
}

string scripts = Path.GetDirectoryName(ScriptFolder)!;
var items = QuestionFile.Read(Path.Combine(scripts, "data", "shelf-eval", "questions.jsonl"), needAnswers: true).Take(int.Parse(given["--limit"])).ToList();
var shelf = Images.Load(Path.Combine(scripts, "shelf.png"));
Dictionary<string, string[]> said = [];
foreach (string type in new[] { "float32", "bfloat16" })
{
    var none = await Models.Load("tiny-llava", new ModelOptions { Device = given["--device"], Type = type });
    foreach (var (name, pipeline) in new (string, Pipeline)[]
    {
        ("none", none), ("fitprune", none.With("fitprune", new { Reduction = 0.6 })), ("dyvte", none.With("dyvte")),
        ("pooling", none.With("pooling", new { Tokens = 64 })),
    })
    {
        List<string> answers = [];
        foreach (var item in items)
        {
            answers.Add((await pipeline.Ask(Images.Load(item.Image!), item.Question)).Text);
        }

        said[$"answers, {name}, {type}"] = [.. answers];
    }

    none.Model.Dispose();
}

using (var dit = await Tasks.Load<ISegmenter>("tiny-dit"))
{
    said["mask, tiny-dit"] = [Bits(dit.Segment(shelf, "the shirt in the bottom center").Value.Mask)];
}

using (var dtnet = await Tasks.Load<ICaptioner>("tiny-dtnet"))
{
    said["caption, tiny-dtnet"] = [dtnet.Caption(shelf).Value.Text];
}

using (var editor = await Tasks.Load<IImageEditor>("tiny-editor"))
{
    said["mask, tiny-editor"] = [Bits(editor.Edit(shelf, new EditRequest { Target = "bottom left green boot", Seed = 1, MaskOnly = true }).Value.Mask!)];
}

using (var face = await Tasks.Load<IFaceGenerator>("tiny-face"))
{
    var sentence = "A woman with brown hair.";
    said["picture, tiny-face"] = [Convert.ToBase64String(face.Generate(sentence, 1).Value.Picture.Rgb.ToArray())];
}

if (given["--write"].Length > 0)
{
    File.WriteAllText(given["--write"], JsonSerializer.Serialize(said));
    Print($"{said.Count} results of the shipped models on {given["--device"]} written");
    return;
}

var expected = JsonSerializer.Deserialize<Dictionary<string, string[]>>(File.ReadAllText(given["--compare"]))!;
int wrong = 0;
foreach (var (name, here) in said)
{
    string[] before = expected[name];
    var (line, isRight) = name.Split(',')[0] switch
    {
        "mask" => Mask(Convert.FromBase64String(before[0]), Convert.FromBase64String(here[0])),
        "picture" => Bytes(Convert.FromBase64String(before[0]), Convert.FromBase64String(here[0])),
        _ => Texts(before, here, name.EndsWith("bfloat16") ? here.Length / 20 : 0),
    };
    Print($"{(isRight ? "as on the CPU" : "WRONG"),-14} {name}: {line}");
    wrong += isRight ? 0 : 1;
}

if (wrong > 0)
{
    throw new ApertureException($"{wrong} of {said.Count} results on {given["--device"]} are not the CPU's.");
}

static string Bits(MaskImage mask) => Convert.ToBase64String(
    [.. Enumerable.Range(0, mask.Width * mask.Height).Select(at => mask.IsInside(at % mask.Width, at / mask.Width) ? byte.MaxValue : byte.MinValue)]);

static (string, bool) Texts(string[] before, string[] here, int allowed)
{
    int differ = before.Zip(here).Count(pair => pair.First != pair.Second);
    return ($"{here.Length - differ} of {here.Length} the same", differ <= allowed);
}

static (string, bool) Mask(byte[] before, byte[] here)
{
    int both = before.Zip(here).Count(pair => pair is { First: > 127, Second: > 127 });
    int either = before.Zip(here).Count(pair => pair.First > 127 || pair.Second > 127);
    double iou = either == 0 ? 1 : (double)both / either;
    return ($"IoU {iou:0.000}", before.Length == here.Length && iou >= 0.98);
}

static (string, bool) Bytes(byte[] before, byte[] here)
{
    double mean = before.Zip(here).Average(pair => Math.Abs(pair.First - pair.Second));
    return ($"bytes differ by {mean:0.00} on average", before.Length == here.Length && mean <= 2);
}
