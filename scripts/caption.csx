// Captions pictures, or features by their ids, with a DTNet, and shows which cells of the encoder each picture passed.
//
//     aperture run scripts/caption.csx -- DTNet_best.pth '{"Vocabulary": "vocab_transformer_grid.pkl", "Features": "coco_grid_feats2.hdf5"}' 391895 522418
//     aperture run scripts/caption.csx -- captioner/dtnet.safetensors '{"Tower": "scripts/models/tiny-llava"}' photo.png --paths paths
using System.Text.Json;

int folder = Args.ToList().IndexOf("--paths");
string[] words = [.. folder < 0 ? Args : Args.Take(folder)];
if (words.Length < 3 || (folder >= 0 && folder != Args.Count - 2))
{
    throw new ApertureException("usage: caption.csx -- CHECKPOINT OPTIONS PICTURE-OR-ID... [--paths FOLDER]");
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
float[] weights = All("paths.weights"), counts = All("paths.count");
int stages = (int)captions.Trace.First(value => value.Name == "paths.weights").Shape[1];
for (int input = 0; input < inputs.Length; input++)
{
    Print($"{words[2 + input]}: {captions.Value[input][0].Text} ({captions.Value[input][0].Score:0.00}, {counts[input]:0} of {stages / 2 * 5} cells)");
    for (int stage = 0; stage < stages; stage++)
    {
        string[] cells = stage % 2 == 0 ? ["LMC", "AMC", "GMC"] : ["CAC", "CPC"];
        Print($"  layer {stage / 2}: {string.Join("  ", cells.Select((cell, place) => $"{cell} {weights[(((input * stages) + stage) * 3) + place]:0.00}"))}");
    }

    if (folder >= 0)
    {
        Directory.CreateDirectory(Args[folder + 1]);
        pictures[input].SavePng(Path.Combine(Args[folder + 1], $"{input}.png"));
    }
}

Print($"{captions.Measure.TotalMilliseconds:0.0} ms, {captions.Measure.TotalFlops / 1e9:0.000} GFLOPs for {inputs.Length} pictures");
foreach (var (stage, milliseconds) in captions.Measure.Milliseconds)
{
    Print($"  {stage}: {milliseconds:0.0} ms");
}
