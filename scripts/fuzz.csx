// aperture run scripts/fuzz.csx -- [SECONDS] [SEED] [FOLDER]
// Gives every reader of files of other people changed files for so long (60 seconds by default; hours are welcome): each must be read or refused in one
// line. A file that brings out anything else, or takes long or much memory, is kept in FOLDER (fuzz-found by default); the exit code is 1 then.
using System.Diagnostics;
using Aperture.Decoding;
using Aperture.Files;
using Aperture.Text;
using Aperture.Weights;

double seconds = Args.Count > 0 ? double.Parse(Args[0]) : 60;
int seed = Args.Count > 1 ? int.Parse(Args[1]) : Random.Shared.Next();
string found = Args.Count > 2 ? Args[2] : "fuzz-found";
string work = Directory.CreateTempSubdirectory("aperture-fuzz-").FullName;
string models = Path.GetDirectoryName((await Models.Load("tiny-llava")).Model.Folder);
string model = Path.Combine(models, "tiny-llava");
byte[] Model(string file) => File.ReadAllBytes(Path.Combine(model, file));

// The seeds are made here, or come with the program.
var picture = Images.Sample("shelf").Resize(24, 17);
byte[] Encoded(SkiaSharp.SKEncodedImageFormat format)
{
    using var bitmap = SkiaSharp.SKBitmap.Decode(picture.EncodePng());
    return bitmap.Encode(format, 80).ToArray();
}

const string Template = "{% for m in messages %}{{ '<|' ~ m['role'] + '|>\n' }}{% for c in m['content'] if c is mapping %}{% if c['type'] == 'image' %}<image>"
    + "{% elif 'text' in c %}{{ c.text | trim | replace('a', 'b') }}{% endif %}{% endfor %}{{ eos_token }}{% endfor %}"
    + "{% if add_generation_prompt %}{{ ['<|', 'assistant', '|>'][:3] | join }}{% endif %}";

string gif = Path.Combine(work, "seed.gif"), weights = Path.Combine(work, "seed.safetensors");
Image.SaveGif([picture, picture], gif);
using (var small = torch.arange(12))
{
    SafetensorsWriter.Save(weights, new Dictionary<string, torch.Tensor> { ["a"] = small, ["b"] = small });
}

byte[] ppm = [.. "P6\n24 17\n255\n"u8, .. picture.ConvertToRgb().Pixels];
byte[] tga = [0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 17, 0, 24, 0, .. picture.ConvertToRgb().Pixels];
byte[] questions = File.ReadAllBytes(Path.Combine(Path.GetDirectoryName(models), "data", "shelf-eval", "questions.jsonl"))[..600];
var limits = new ImageDecodeOptions { MaxPixels = 1 << 20 };

void Picture(byte[] file) => Image.Decode(file, "changed", limits).ConvertToRgb();

System.Text.Json.JsonElement TextOf(System.Text.Json.JsonElement config)
    => config.ValueKind == System.Text.Json.JsonValueKind.Object && config.TryGetProperty("text_config", out var text) ? text : config;

Action<byte[]> InFile(string name, Action<string> read) => file =>
{
    string path = Path.Combine(work, name);
    File.WriteAllBytes(path, file);
    read(path);
};

(string Name, byte[] Seed, bool IsText, Action<byte[]> Read)[] readers =
[
    ("png", picture.EncodePng(), false, Picture),
    ("jpeg", Encoded(SkiaSharp.SKEncodedImageFormat.Jpeg), false, Picture),
    ("webp", Encoded(SkiaSharp.SKEncodedImageFormat.Webp), false, Picture),
    ("gif", File.ReadAllBytes(gif), false, Picture),
    ("ppm", ppm, false, Picture),
    ("tga", tga, false, Picture),
    ("safetensors", File.ReadAllBytes(weights), false, InFile("w.safetensors", path =>
    {
        using var source = WeightFiles.Open(path);
        foreach (string name in source.Names)
        {
            source.Load(name).Dispose();
        }
    })),
    ("config.json", Model("config.json"), true, InFile("config.json", path => DecoderSpec.Parse(TextOf(Aperture.Models.ModelFolder.ReadJson(path)), path))),
    ("preprocessor_config.json", Model("preprocessor_config.json"), true, InFile("preprocessor_config.json", path => ClipImageProcessorConfig.Load(path))),
    ("tokenizer.json", Model("tokenizer.json"), true, InFile("tokenizer.json", path => Tokenizers.FromFolder(work).Encode("What is in the top left?"))),
    ("chat_template.jinja", System.Text.Encoding.UTF8.GetBytes(Template), true, InFile("t.jinja", path =>
    {
        if (ChatTemplate.Read(InputFile.Text(path, 1 << 20), null, out string reason) == null)
        {
            throw new ApertureException(reason);
        }
    })),
    ("generation_config.json", Model("generation_config.json"), true, InFile("generation_config.json",
        path => Aperture.Models.GenerationSettings.Read(new Aperture.Models.ModelFolder(Path.GetDirectoryName(path)), _ => { }))),
    ("questions", questions.AsSpan(0, questions.AsSpan().LastIndexOf((byte)'\n')).ToArray(), true, InFile("q.jsonl", path => QuestionFile.Read(path, true))),
    ("pipeline", "{\"model\": \"m\", \"methods\": [{\"name\": \"fitprune\", \"options\": {\"Reduction\": 0.5}}]}"u8.ToArray(), true,
        file => PipelineSpec.Parse(System.Text.Encoding.UTF8.GetString(file))),
];

var mutator = new ByteMutator(seed);
var counts = readers.ToDictionary(reader => reader.Name, _ => (Read: 0, Refused: 0));
var clock = Stopwatch.StartNew();
int kept = 0;
for (int i = 0; clock.Elapsed.TotalSeconds < seconds && !Cancellation.IsCancellationRequested; i++)
{
    var reader = readers[i % readers.Length];
    byte[] file = mutator.Change(reader.Seed, reader.Seed, reader.IsText);
    long before = GC.GetAllocatedBytesForCurrentThread(), begun = Stopwatch.GetTimestamp();
    string wrong = null;
    try
    {
        reader.Read(file);
        counts[reader.Name] = (counts[reader.Name].Read + 1, counts[reader.Name].Refused);
    }
    catch (ApertureException refusal)
    {
        counts[reader.Name] = (counts[reader.Name].Read, counts[reader.Name].Refused + 1);
        wrong = refusal.Message.Contains('\n') ? "a refusal of several lines" : null;
    }
    catch (Exception error)
    {
        wrong = $"{error.GetType().Name}: {error.Message}";
    }

    wrong ??= Stopwatch.GetElapsedTime(begun).TotalSeconds > 20 ? "more than 20 seconds" : null;
    wrong ??= GC.GetAllocatedBytesForCurrentThread() - before > 256 << 20 ? "more than 256 MiB" : null;
    if (wrong != null)
    {
        Directory.CreateDirectory(found);
        string name = Path.Combine(found, $"{reader.Name}-{seed}-{i}.bin");
        File.WriteAllBytes(name, file);
        Print($"{name}: {wrong}");
        kept++;
    }
}

Directory.Delete(work, recursive: true);
Print($"seed {seed}: {string.Join(", ", counts.Select(count => $"{count.Key} {count.Value.Read}+{count.Value.Refused}"))} (read + refused); {kept} kept");
return kept > 0 ? 1 : 0;
