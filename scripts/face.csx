// Makes the face that a sentence describes with an E3-FaceNet checkpoint, and shows it from several sides: a row of views, and a turn as an animation.
//
//     aperture run scripts/face.csx -- network.pkl "The woman has wavy hair." face.png --with '{"Clip": "clip-vit-base-patch32"}'
//     aperture run scripts/face.csx -- network.pkl "The woman has wavy hair." face.png --edit "The woman is old." --alpha 0.5 --views 7 --seed 3
//
//     aperture run scripts/face.csx -- tiny-face "a woman with pale skin, long black hair and a blue hat before a green wall" face.png --seed 0 --truncation 1
//
// tiny-face knows sentences of that kind alone, the noise of seed 0 and a truncation of 1. Beside face.png lies face.gif. With --edit each row has a second one
// below it, of the edited face. --previews FOLDER writes every picture as it comes.
using System.Text.Json;
using System.Text.Json.Nodes;

const string Usage = "usage: face.csx -- CHECKPOINT SENTENCE OUTPUT.png [--edit SENTENCE] [--alpha NUMBER] [--views COUNT] [--widest YAW] [--seed NUMBER] "
    + "[--truncation NUMBER] [--previews FOLDER] [--with OPTIONS]";
string[] known = ["--edit", "--alpha", "--views", "--widest", "--seed", "--truncation", "--previews", "--with"];
string[] words = [.. Args.TakeWhile(word => !known.Contains(word))];
string[] rest = [.. Args.Skip(words.Length)];
if (words.Length != 3 || rest.Length % 2 != 0 || rest.Where((_, place) => place % 2 == 0).Any(name => !known.Contains(name)))
{
    throw new ApertureException(Usage);
}

string Option(string name) => Array.IndexOf(rest, name) is >= 0 and int place ? rest[place + 1] : null;

T? Number<T>(string name, string range)
    where T : struct, IParsable<T>
    => Option(name) is not { } text ? null
        : T.TryParse(text, null, out T value) ? value : throw new ApertureException($"{name} is {text}; give {range}.");

string options = Option("--with") ?? "{}";
try
{
    JsonNode.Parse(options)!.AsObject();
}
catch (Exception error) when (error is JsonException or InvalidOperationException or NullReferenceException)
{
    throw new ApertureException($"--with {options}: this is no JSON object; write one such as {{\"Clip\": \"clip-vit-base-patch32\"}}.");
}

FaceRequest request = new()
{
    Text = words[1],
    EditText = Option("--edit"),
    EditAlpha = Number<double>("--alpha", "a number from 0 to 1"),
    Seed = Number<long>("--seed", "0 to 4294967295"),
    Truncation = Number<double>("--truncation", "0 to 1.5"),
    Views = FaceViews.Turn(Number<int>("--views", "a number of view points") ?? 7, Number<double>("--widest", "radians") ?? 0.6),
};
var generator = await Tasks.Load<IFaceGenerator>(words[0], options: options);
int told = 0;
var call = new TaskCall
{
    WantsPreviews = true,
    Progress = step =>
    {
        Print($"{step.Stage} {step.Done}/{step.Total}");
        if (Option("--previews") is { } folder && step.Picture is { } picture)
        {
            Directory.CreateDirectory(folder);
            Image.FromPicture(picture).SavePng(Path.Combine(folder, $"{told++:00}.png"));
        }
    },
};
var result = generator.Generate(request, call);

// One picture of a view: the face, and below it the edited one.
Image Column(FaceView view)
    => Image.Montage([Image.FromPicture(view.Picture), .. view.Edited is { } edited ? [Image.FromPicture(edited)] : Array.Empty<Image>()], columns: 1, gap: 0);

Image[] columns = [.. result.Value.Select(Column)];
Image.Montage(columns, columns.Length, gap: 0).SavePng(words[2]);
string turn = Path.ChangeExtension(words[2], ".gif");
Image.SaveGif([.. columns, .. columns.Reverse().Skip(1).SkipLast(1)], turn, TimeSpan.FromMilliseconds(120));
Print($"{result.Measure.TotalMilliseconds / 1000:0.0} s ({string.Join(", ", result.Measure.Milliseconds.Select(stage => $"{stage.Key} {stage.Value:0} ms"))}), "
    + $"{result.Measure.TotalFlops / 1e9:0.0} GFLOPs: {words[2]}, {turn}");
