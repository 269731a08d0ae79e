// What eight bits give and cost in the models that are no decoders: each opened as its checkpoint stores it and with Weights int8, in turns.
//
//     aperture shelf references sentences --part HeldOut --per-type 20 --seed 2
//     aperture shelf captions captioned --part HeldOut --pictures 100 --seed 2
//     aperture run scripts/eight-bits.csx -- [--threads 1] [--rounds 5] [--only ROW] [--tokenizer FOLDER]
//
// Rows at true shapes have random weights in the published layouts, so that their cost is how far outputs move, as root mean square over that of the outputs.
// The small models are scored by their own measures on the two folders above, where these are there (matrices below 256 x 256, as all of tiny-editor's are,
// stay as stored). Times are the processor's, not the clock's (threads together), so that other work on the machine counts less; ratios are medians of each
// round's own. METER's row needs a folder with RoBERTa's tokenizer.
#load "sam-weights.csx"
using System.Diagnostics;
using System.Text.Json;
using Aperture.Decoding;
using Aperture.Diffusion;
using Aperture.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

Dictionary<string, string> given = new() { ["--threads"] = "1", ["--rounds"] = "5", ["--only"] = "", ["--tokenizer"] = "" };
for (int i = 0; i < Args.Count; i += 2)
{
    given[given.ContainsKey(Args[i]) ? Args[i] : throw new ApertureException($"'{Args[i]}' is no option; there are {string.Join(", ", given.Keys)}.")]
        = i + 1 < Args.Count ? Args[i + 1] : throw new ApertureException($"{Args[i]} needs a value.");
}

int Number(string name) => int.TryParse(given[name], out int number) && number > 0 ? number
    : throw new ApertureException($"{name} {given[name]}: give a number above 0.");
int threads = Number("--threads"), rounds = Number("--rounds");
set_num_threads(threads);
string scratch = Directory.CreateTempSubdirectory("aperture-eight-bits-").FullName;
string[] kinds = ["stored", "int8"];
Print($"{threads} thread(s), medians of {rounds} rounds of processor time");
Print("| model | stored, ms | int8, ms | ratio | what changes | stored | int8 |");
Print("|---|---|---|---|---|---|---|");
try
{
    await Row("BERT-base, 50 rows", Bert);
    await Row("METER, ViT-B/16 at 288 pixels", Meter);
    await Row("Segment Anything, ViT-B at 1024 pixels", Sam);
    await Row("UNet of Stable Diffusion 1, a step under guidance", Denoiser);
    await Row("DTNet, five beams of 20 words", Captioner);
    await Row("tiny-dit", TinyDit);
    await Row("tiny-dtnet", TinyDtNet);
}
finally
{
    Directory.Delete(scratch, recursive: true);
}

async Task Row(string name, Func<Task<Pair>> make)
{
    if (!name.StartsWith(given["--only"], StringComparison.OrdinalIgnoreCase))
    {
        return;
    }

    using Pair pair = await make();
    if (pair is null)
    {
        return;
    }

    using IDisposable quiet = inference_mode();
    List<double>[] times = [[], []];
    for (int round = 0; round <= rounds; round++)
    {
        foreach (int kind in round % 2 == 0 ? new[] { 0, 1 } : [1, 0])
        {
            TimeSpan before = Process.GetCurrentProcess().TotalProcessorTime;
            pair.Runs[kind]();
            times[kind].Add((Process.GetCurrentProcess().TotalProcessorTime - before).TotalMilliseconds);
        }
    }

    double[] stored = [.. times[0].Skip(1)], few = [.. times[1].Skip(1)]; // the first warms up
    var (what, first, second) = pair.Cost();
    Print(FormattableString.Invariant(
        $"| {name} | {Median(stored):0.0} | {Median(few):0.0} | {Median(few.Zip(stored, (a, b) => a / b)):0.00} | {what} | {first} | {second} |"));
}

static double Median(IEnumerable<double> values)
{
    double[] sorted = [.. values.Order()];
    return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
}

// How far the second of two lists of numbers lies from the first.
static (string, string, string) Off(string what, float[] first, float[] second)
{
    double square = first.Sum(value => (double)value * value), off = first.Zip(second, (a, b) => (double)(a - b) * (a - b)).Sum();
    return ($"{what} move by", "", FormattableString.Invariant($"{100 * Math.Sqrt(off / square):0.00} %"));
}

Dictionary<string, Tensor> Drawn(IEnumerable<(string Name, long[] Shape)> shapes) => shapes.ToDictionary(
    entry => entry.Name,
    entry => entry.Shape.Length > 1 ? randn(entry.Shape).mul_(1 / Math.Sqrt(entry.Shape[1..].Aggregate(1.0, (product, size) => product * size)))
        : entry.Name.EndsWith("orm.weight") || entry.Name.Contains("ln_") && entry.Name.EndsWith("weight") ? ones(entry.Shape) : zeros(entry.Shape));

IEnumerable<(string, long[])> Linear(string name, long outputs, long inputs) => [(name + ".weight", [outputs, inputs]), (name + ".bias", [outputs])];

IEnumerable<(string, long[])> AttentionOf(string name, long width) =>
[
    .. new[] { "self.query", "self.key", "self.value", "output.dense" }.SelectMany(part => Linear(name + part, width, width)),
    (name + "output.LayerNorm.weight", [width]), (name + "output.LayerNorm.bias", [width]),
];

IEnumerable<(string, long[])> FeedForwardOf(string name, long width) =>
[
    .. Linear(name + "intermediate.dense", 4 * width, width), .. Linear(name + "output.dense", width, 4 * width),
    (name + "output.LayerNorm.weight", [width]), (name + "output.LayerNorm.bias", [width]),
];

IEnumerable<(string, long[])> BertOf(string prefix, long vocabulary, long positions, long types, int layers, long width) =>
[
    (prefix + "embeddings.word_embeddings.weight", [vocabulary, width]), (prefix + "embeddings.position_embeddings.weight", [positions, width]),
    (prefix + "embeddings.token_type_embeddings.weight", [types, width]),
    (prefix + "embeddings.LayerNorm.weight", [width]), (prefix + "embeddings.LayerNorm.bias", [width]),
    .. Enumerable.Range(0, layers).Select(layer => $"{prefix}encoder.layer.{layer}.")
        .SelectMany(name => AttentionOf(name + "attention.", width).Concat(FeedForwardOf(name, width))),
];

string Save(string file, Dictionary<string, Tensor> tensors)
{
    string path = Path.Combine(scratch, file);
    SaveWeights(path, tensors);
    foreach (Tensor tensor in tensors.Values)
    {
        tensor.Dispose();
    }

    return path;
}

Image Noise(int side)
{
    byte[] pixels = new byte[3 * side * side];
    new Random(1).NextBytes(pixels);
    return Image.FromRgb(pixels, side, side);
}

Task<Pair> Bert()
{
    BertConfig config = new() { HiddenSize = 768, IntermediateSize = 3072, Layers = 12, Heads = 12 };
    Dictionary<string, Tensor> tensors = Drawn(BertOf("", config.Vocabulary, config.Positions, config.TokenTypes, config.Layers, config.HiddenSize));
    TensorWeights weights = new(tensors);
    List<IDisposable> owned = [];
    BertEncoder[] encoders = [.. new[] { WeightFormat.Stored, WeightFormat.Int8 }.Select(format => new BertEncoder(
        config, BertWeights.Load(weights, "", config, WeightPolicy.InFormat("BERT", format, CPU, ScalarType.Float32, owned), pooler: false)))];
    Tensor ids = randint(0, config.Vocabulary, [1, 50], dtype: ScalarType.Int64);
    float[][] rows = new float[2][];
    Action[] runs = [.. encoders.Select((encoder, kind) => (Action)(() =>
    {
        using Tensor found = encoder.Run(ids);
        rows[kind] = found.data<float>().ToArray();
    }))];
    return Task.FromResult(new Pair(runs, () => Off("rows", rows[0], rows[1]), [.. encoders, .. owned, ids, weights]));
}

async Task<Pair> Meter()
{
    if (given["--tokenizer"].Length == 0)
    {
        return null;
    }

    const int Width = 768, Blocks = 12, Layers = 6, Side = 288, Patch = 16, Answers = 3129;
    const string Eyes = "vit_model.visual.";
    IEnumerable<(string, long[])> Norm(string name, long width = Width) => [(name + ".weight", [width]), (name + ".bias", [width])];
    var vision = Enumerable.Range(0, Blocks).Select(block => $"{Eyes}transformer.resblocks.{block}.").SelectMany(name => new (string, long[])[]
    {
        (name + "attn.in_proj_weight", [3 * Width, Width]), (name + "attn.in_proj_bias", [3 * Width]),
    }.Concat(Linear(name + "attn.out_proj", Width, Width)).Concat(Linear(name + "mlp.c_fc", 4 * Width, Width))
        .Concat(Linear(name + "mlp.c_proj", Width, 4 * Width)).Concat(Norm(name + "ln_1")).Concat(Norm(name + "ln_2")));
    var cross = new[] { "text", "image" }.SelectMany(stream => Enumerable.Range(0, Layers).Select(layer => $"cross_modal_{stream}_layers.{layer}."))
        .SelectMany(name => AttentionOf(name + "attention.", Width).Concat(AttentionOf(name + "crossattention.", Width)).Concat(FeedForwardOf(name, Width)));
    string file = Save("meter.safetensors", Drawn(
    [
        .. BertOf("text_transformer.", 50265, 514, 1, Blocks, Width), .. vision, .. cross,
        (Eyes + "conv1.weight", [Width, 3, Patch, Patch]), (Eyes + "class_embedding", [Width]),
        (Eyes + "positional_embedding", [1 + (Side / Patch * (Side / Patch)), Width]), .. Norm(Eyes + "ln_pre"), .. Norm(Eyes + "ln_post"),
        .. Linear("cross_modal_text_transform", Width, Width), .. Linear("cross_modal_image_transform", Width, Width),
        .. Linear("cross_modal_text_pooler.dense", Width, Width), .. Linear("cross_modal_image_pooler.dense", Width, Width),
        ("token_type_embeddings.weight", [2, Width]),
        .. Linear("vqa_classifier.0", 2 * Width, 2 * Width), .. Norm("vqa_classifier.1", 2 * Width), .. Linear("vqa_classifier.3", Answers, 2 * Width),
    ]));
    OpenTask<IClassifier>[] meters = new OpenTask<IClassifier>[2];
    for (int kind = 0; kind < 2; kind++)
    {
        meters[kind] = await Tasks.Load<IClassifier>(file, "meter", options: new { Tokenizer = given["--tokenizer"], Weights = kinds[kind] });
    }

    var picture = Noise(Side);
    float[][] pooled = new float[2][];
    Action[] runs = [.. meters.Select((meter, kind) => (Action)(() => pooled[kind] = meter.Classify(
        "vqa", [picture], ["a man on the left"], new TaskCall { Trace = name => name == "pooled.0" }).Trace.Single().Values))];
    return new Pair(runs, () => Off("pooled features", pooled[0], pooled[1]), meters);
}

async Task<Pair> Sam()
{
    string file = Save("sam.safetensors", RandomSam(new SamSizes(768, 12, 12, 64, 16, 14, 3, 256, 2048)));
    OpenTask<ISegmenter>[] sams = new OpenTask<ISegmenter>[2];
    for (int kind = 0; kind < 2; kind++)
    {
        sams[kind] = await Tasks.Load<ISegmenter>(file, options: new { Weights = kinds[kind] });
    }

    var picture = Noise(1024);
    float[][] logits = new float[2][];
    SegmentPrompt prompt = new() { Points = [new PromptPoint(500, 400)] };
    Action[] runs = [.. sams.Select((sam, kind) => (Action)(() => logits[kind] = sam.Segment(
        picture, [prompt], new TaskCall { Trace = name => name == "embedding" }).Trace.Single().Values))];
    return new Pair(runs, () => Off("places of the embedding", logits[0], logits[1]), sams);
}

Task<Pair> Denoiser()
{
    UNetConfig config = new();
    List<IDisposable> owned = [];
    UNet[] nets = [.. new[] { WeightFormat.Stored, WeightFormat.Int8 }.Select(format => UNet.Fresh(
        config, WeightPolicy.InFormat("UNet", format, CPU, ScalarType.Float32, owned), seed: 1))];
    Tensor latents = randn(2, config.Inputs, 64, 64), text = randn(2, 77, config.TextWidth);
    float[][] noise = new float[2][];
    Action[] runs = [.. nets.Select((net, kind) => (Action)(() =>
    {
        using Tensor found = net.Run(latents, 500, text);
        noise[kind] = found.data<float>().ToArray();
    }))];
    return Task.FromResult(new Pair(runs, () => Off("predicted noise", noise[0], noise[1]), [.. nets, .. owned, latents, text]));
}

async Task<Pair> Captioner()
{
    // One sentence in which every word stands often enough to be known, so that the vocabulary is as large as MS-COCO's.
    string samples = Path.Combine(scratch, "captions.jsonl");
    string[] words = [.. Enumerable.Range(0, 10199).Select(word => string.Concat(word.ToString("00000").Select(digit => (char)('a' + digit - '0'))))];
    string[] lines = [.. words.Chunk(100).Select(some => JsonSerializer.Serialize(new { image = "none.png", text = string.Join(' ', some) }))];
    File.WriteAllLines(samples, Enumerable.Repeat(lines, 6).SelectMany(again => again));
    string start = Path.Combine(scratch, "start");
    string[] command = [Environment.GetCommandLineArgs()[0], "caption-start", samples, start, "--features", "2048"];
    ProcessStartInfo how = new(Environment.ProcessPath!, command) { RedirectStandardOutput = true, RedirectStandardError = true };
    using Process made = Process.Start(how)!;
    string said = made.StandardOutput.ReadToEnd() + made.StandardError.ReadToEnd();
    await made.WaitForExitAsync();
    string file = Path.Combine(start, "dtnet.safetensors");
    if (!File.Exists(file))
    {
        throw new ApertureException($"caption-start wrote no model: {said}");
    }

    OpenTask<ICaptioner>[] models = new OpenTask<ICaptioner>[2];
    for (int kind = 0; kind < 2; kind++)
    {
        models[kind] = await Tasks.Load<ICaptioner>(file, "dtnet", options: new { Weights = kinds[kind] });
    }

    float[] values = new float[49 * 2048];
    Random random = new(1);
    for (int i = 0; i < values.Length; i++)
    {
        values[i] = (float)Math.Abs(random.NextDouble() - 0.3);
    }

    CaptionInput[] inputs = [new CaptionInput(null, new FeatureRows(values, 49, 2048))];
    float[][] rows = new float[2][];
    Action[] runs = [.. models.Select((model, kind) => (Action)(() => rows[kind] = [(float)model.Caption(
        inputs, new CaptionRequest { Beams = 5, LongestCaption = 20 }).Value[0][0].Score]))];
    return new Pair(runs, () => ("log-probability of the caption", rows[0][0].ToString("0.00"), rows[1][0].ToString("0.00")), models);
}

JsonElement[] Lines(string file) => [.. File.ReadLines(file).Select(line => JsonDocument.Parse(line).RootElement)];

static MaskImage Mask(Image image)
{
    var one = image.ConvertToL();
    return new MaskImage(one.Pixels.ToArray(), one.Width, one.Height);
}

string Text(JsonElement line, string name) => line.GetProperty(name).GetString()!;

async Task<Pair> TinyDit()
{
    if (!File.Exists("sentences/references.jsonl"))
    {
        return null;
    }

    JsonElement[] test = Lines("sentences/references.jsonl");
    OpenTask<ISegmenter>[] models = new OpenTask<ISegmenter>[2];
    for (int kind = 0; kind < 2; kind++)
    {
        models[kind] = await Tasks.Load<ISegmenter>("tiny-dit", options: new { Weights = kinds[kind] });
    }

    var shelf = Images.Load(Path.Combine("sentences", Text(test[0], "image")));
    Action[] runs = [.. models.Select(model => (Action)(() => model.Segment(shelf, Text(test[0], "text"))))];
    Image Shelf(JsonElement line, string name) => Images.Load(Path.Combine("sentences", Text(line, name)));
    string Score(OpenTask<ISegmenter> model) => Percent(
        [.. test.Select(line => model.Segment(Shelf(line, "image"), Text(line, "text")).Value.Mask.IoU(Mask(Shelf(line, "mask"))))]);
    return new Pair(runs, () => ($"mean IoU, {test.Length} sentences", Score(models[0]), Score(models[1])), models);
}

async Task<Pair> TinyDtNet()
{
    if (!File.Exists("captioned/captions.jsonl"))
    {
        return null;
    }

    JsonElement[] test = Lines("captioned/captions.jsonl");
    var sentences = test.GroupBy(line => Text(line, "image")).ToDictionary(
        group => group.Key, group => group.SelectMany(line => line.GetProperty("captions").EnumerateArray().Select(one => one.GetString()!)).ToHashSet());
    OpenTask<ICaptioner>[] models = new OpenTask<ICaptioner>[2];
    for (int kind = 0; kind < 2; kind++)
    {
        models[kind] = await Tasks.Load<ICaptioner>("tiny-dtnet", options: new { Weights = kinds[kind] });
    }

    CaptionInput Input(string picture) => new(Images.Load(Path.Combine("captioned", picture)).ToPicture());
    CaptionInput[] one = [Input(sentences.Keys.First())];
    Action[] runs = [.. models.Select(model => (Action)(() => model.Caption(one)))];
    string Said(OpenTask<ICaptioner> model, string picture) => model.Caption([Input(picture)]).Value[0][0].Text;
    string Score(OpenTask<ICaptioner> model) => Percent([.. sentences.Select(pair => pair.Value.Contains(Said(model, pair.Key)) ? 1.0 : 0.0)]);
    return new Pair(runs, () => ($"wholly true, {sentences.Count} pictures", Score(models[0]), Score(models[1])), models);
}

// A mean in percent with its 95 % interval.
static string Percent(double[] values)
{
    double mean = values.Average(), spread = Math.Sqrt(values.Sum(value => (value - mean) * (value - mean)) / Math.Max(1, values.Length - 1) / values.Length);
    return FormattableString.Invariant($"{100 * mean:0.0} ± {196 * spread:0.0} %");
}

// The same model stored and in eight bits: what is timed, and what it costs.
sealed record Pair(Action[] Runs, Func<(string What, string Stored, string Few)> Cost, IReadOnlyList<IDisposable> Owned) : IDisposable
{
    public void Dispose()
    {
        foreach (IDisposable own in Owned)
        {
            own.Dispose();
        }
    }
}
