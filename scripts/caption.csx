// Captions pictures, or features by their ids, with a DTNet, and shows which cells of the encoder each picture passed.
//
//     aperture run scripts/caption.csx -- tiny-dtnet {} scripts/shelf.png --paths paths --beside tiny-llava
//     aperture run scripts/caption.csx -- DTNet_best.pth '{"Vocabulary": "vocab_transformer_grid.pkl", "Features": "coco_grid_feats2.hdf5"}' 391895 522418
//     aperture run scripts/caption.csx -- captioner/dtnet.safetensors '{"Tower": "scripts/models/tiny-llava"}' photo.png --paths paths
//     aperture run scripts/caption.csx -- captioner/dtnet.safetensors '{"Tower": "scripts/models/tiny-llava"}' photo.png --beside tiny-llava
//
// --paths FOLDER draws the paths and writes them with their statistics as paths.json; --beside MODEL asks a vision-language model about the same pictures and shows both costs.
using System.Text.Json.Nodes;

string? Option(string name)
{
    int place = Args.ToList().IndexOf(name);
    return place < 0 ? null : place + 1 < Args.Count ? Args[place + 1] : throw new ApertureException($"{name} needs a value.");
}

string? folder = Option("--paths"), beside = Option("--beside");
string[] words = [.. Args.TakeWhile(word => word is not ("--paths" or "--beside"))];
if (words.Length < 3)
{
    throw new ApertureException("usage: caption.csx -- CHECKPOINT OPTIONS PICTURE-OR-ID... [--paths FOLDER] [--beside MODEL]");
}

var dtnet = await Tasks.Load<ICaptioner>(words[0], "dtnet", words[1]);
CaptionInput[] inputs =
[
    .. words[2..].Select(word => File.Exists(word) ? new CaptionInput(Images.Load(word).ToPicture()) : new CaptionInput(null) { Id = word }),
];
List<Image> pictures = [];
var captions = dtnet.Caption(inputs, call: new TaskCall
{
    Trace = name => name.StartsWith("paths"),
    WantsPreviews = true,
    Progress = step => pictures.Add(Image.FromPicture(step.Picture!)),
});

float[] All(string name) => [.. captions.Trace.Where(value => value.Name == name).SelectMany(value => value.Values)]; // a value for each batch
float[] weights = All("paths.weights"), passed = All("paths.passed"), counts = All("paths.count");
int stages = (int)captions.Trace.First(value => value.Name == "paths.weights").Shape[1];
string[] CellsOf(int stage) => stage % 2 == 0 ? ["LMC", "AMC", "GMC"] : ["CAC", "CPC"]; // in the order of the routers' weights
int Place(int input, int stage, int cell) => (((input * stages) + stage) * 3) + cell;
JsonArray paths = [];
for (int input = 0; input < inputs.Length; input++)
{
    Print($"{words[2 + input]}: {captions.Value[input][0].Text} ({captions.Value[input][0].Score:0.00}, {counts[input]:0} of {stages / 2 * 5} cells)");
    for (int stage = 0; stage < stages; stage++)
    {
        Print($"  layer {stage / 2}: {string.Join("  ", CellsOf(stage).Select((cell, place) => $"{cell} {weights[Place(input, stage, place)]:0.00}"))}");
    }

    JsonArray Stages(Func<int, JsonNode> make) => [.. Enumerable.Range(0, stages).Select(make)];
    paths.Add(new JsonObject
    {
        ["image_id"] = words[2 + input],
        ["weights"] = Stages(stage => new JsonArray([.. CellsOf(stage).Select((_, cell) => JsonValue.Create(weights[Place(input, stage, cell)]))])),
        ["passed"] = Stages(stage => new JsonArray([.. CellsOf(stage).Select((_, cell) => JsonValue.Create(passed[Place(input, stage, cell)] > 0))])),
        ["count"] = (int)counts[input],
        ["path"] = Stages(stage => CellsOf(stage).Select((name, cell) => (name, weights[Place(input, stage, cell)])).MaxBy(pair => pair.Item2).name),
    });

    if (folder is not null)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, $"{input}.png");
        pictures[input].SavePng(path);
        Print($"  {path}");
    }
}

if (folder is not null)
{
    // How many pictures pass how many cells, and the mean weight of each cell.
    JsonObject histogram = new(counts.GroupBy(count => (int)count).OrderBy(group => group.Key)
        .Select(group => KeyValuePair.Create(group.Key.ToString(), (JsonNode?)group.Count())));
    JsonArray means = [];
    for (int stage = 0; stage < stages; stage++)
    {
        means.Add(new JsonObject(CellsOf(stage).Select((name, cell) => KeyValuePair.Create(
            name, (JsonNode?)Enumerable.Range(0, inputs.Length).Average(input => weights[Place(input, stage, cell)])))));
    }

    File.WriteAllText(Path.Combine(folder, "paths.json"), new JsonObject { ["pictures"] = paths, ["histogram"] = histogram, ["means"] = means }.ToJsonString());
}

Print($"dtnet: {captions.Measure.TotalMilliseconds:0.0} ms, {captions.Measure.TotalFlops / 1e9:0.000} GFLOPs for {inputs.Length} pictures, "
    + string.Join(", ", captions.Measure.Milliseconds.Select(stage => $"{stage.Key} {stage.Value:0.0} ms")));
if (beside is not null)
{
    var model = await Models.Load(beside);
    foreach (string word in words[2..].Where(File.Exists))
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        var answer = await model.Ask(Images.Load(word), "What is in the picture?", cancellationToken: Cancellation);
        Print($"{beside}: {answer} ({clock.Elapsed.TotalMilliseconds:0.0} ms, {answer.Flops.Total / 1e9:0.000} GFLOPs up to the first token)");
    }
}
