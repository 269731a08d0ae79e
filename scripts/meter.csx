// Asks a METER checkpoint, plain or with EAS's adapters, about a picture: answers a question, or ranks several captions by how well they fit.
//
//     aperture run scripts/meter.csx -- meter_clip16_288_vqa.ckpt FacebookAI/roberta-base photo.png "What colour is the bag?"
//     aperture run scripts/meter.csx -- meter_clip16_288_flickr.ckpt FacebookAI/roberta-base photo.png "A dog on a beach." "Two men at a table."
//
// Options of the checkpoint follow as one JSON object behind a lone "--with":  --with '{"Skip": [16, 13, 6], "Labels": "answers.json"}'
using System.Text.Json;
using System.Text.Json.Nodes;

int with = Args.ToList().IndexOf("--with");
string[] words = [.. with < 0 ? Args : Args.Take(with)];
if (words.Length < 4 || (with >= 0 && with != Args.Count - 2))
{
    throw new ApertureException("usage: meter.csx -- CHECKPOINT TOKENIZER PICTURE TEXT [TEXT...] [--with OPTIONS]");
}

JsonObject options;
try
{
    options = with < 0 ? [] : JsonNode.Parse(Args[with + 1])!.AsObject();
}
catch (Exception error) when (error is JsonException or InvalidOperationException or NullReferenceException)
{
    throw new ApertureException($"--with {Args[with + 1]}: this is no JSON object; write one such as {{\"Skip\": [16, 13, 6]}}.");
}

options["Tokenizer"] = words[1];
var meter = await Tasks.Load<IClassifier>(words[0], "meter", options.ToJsonString());
var picture = Images.Load(words[2]);
string[] texts = words[3..];

foreach (var task in meter.Tasks().Where(task => task.Pictures == 1))
{
    Print($"{task.Name}: {task.Flops / 1e9:0.00} GFLOPs a text. {task.Summary}");
    if (task.Labels == 1)
    {
        foreach (var (text, score) in meter.Rank(task.Name, picture, texts).Value)
        {
            Print($"  {score:0.0000}  {text}");
        }

        continue;
    }

    var answers = meter.Classify(task.Name, [picture], texts).Value;
    foreach (var (text, labels) in texts.Zip(answers))
    {
        Print($"  {text}  {string.Join(", ", labels.Take(5).Select(label => $"{label.Label} {label.Score:0.000}"))}");
    }
}
