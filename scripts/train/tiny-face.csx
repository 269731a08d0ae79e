// Trains a small E3-FaceNet on painted heads, from random weights: first on true views of known cameras alone, then with the adversary and the paper's
// geometric regularisation on top, beside the same without the regularisation and without the style code enhancer. scripts/face-table.csx scores the results.
//
//     aperture heads train --part Training --heads 1500 --views 6
//     aperture run scripts/train/tiny-face.csx -- train out --steps 8000 --more 1000
//     aperture heads test --part HeldOut --heads 60 --views 1 --seed 2
//     aperture run scripts/face-table.csx -- test views=out/views/face.safetensors whole=out/whole/face.safetensors
//
// A training that was stopped goes on when the same command is given again. --steps 0 or --more 0 leave a stage out. --show N paints N heads of the samples
// beside what each model makes of their sentences (N.png in each folder: truth above, made below).
using System.Diagnostics;
using System.Text.Json;

int Number(string name, int usual)
{
    int place = Args.ToList().IndexOf(name);
    return place < 0 ? usual
        : place + 1 < Args.Count && int.TryParse(Args[place + 1], out int value) && value >= 0 ? value
        : throw new ApertureException($"{name} needs a number, 0 or more.");
}

if (Args.Count < 2 || Args.Take(2).Any(word => word.StartsWith("--")))
{
    throw new ApertureException("usage: tiny-face.csx -- TRAIN OUT [--steps N] [--more N] [--show N]");
}

string samples = Path.Combine(Args[0], "heads.jsonl"), output = Directory.CreateDirectory(Args[1]).FullName, start = Path.Combine(output, "start");
if (!File.Exists(Path.Combine(start, "face.safetensors")))
{
    string[] sizes =
    [
        "--picture", "64", "--volume", "32", "--channels", "32", "--width", "128", "--face", "64", "--face-layers", "4", "--behind", "16", "--features", "32",
        "--attention", "64", "--heads", "4", "--samples", "6", "--extra", "0", "--mapping-layers", "2", "--mapping-rate", "1", "--octaves", "8",
        "--density", "3", "--fog", "10",
    ];
    using var made = Process.Start("dotnet", [Environment.GetCommandLineArgs()[0], "face-start", samples, start, .. sizes]);
    made.WaitForExit();
    if (made.ExitCode != 0)
    {
        throw new ApertureException("face-start failed.");
    }
}

string views = Path.Combine(output, "views", "face.safetensors");
int steps = Number("--steps", 8000), more = Number("--more", 1000), show = Number("--show", 6);
if (steps > 0)
{
    await Tasks.Train(Path.Combine(start, "face.safetensors"), samples, Path.Combine(output, "views"), "e3-facenet", new
    {
        AdversarialWeight = 0, ViewWeight = 1, DepthWeight = 1, EditWeight = 0.5, GeometryWeight = 0, OffsetWeight = 0, TrainText = true, Noises = 1,
        Steps = steps, BatchSize = 6, Rate = 4e-3, HalfLife = 0.2, SaveHalf = true,
    });
    await Show(views);
}

foreach ((string name, double geometry, double enhancer) in new[] { ("whole", 0.02, 1.0), ("no geometry", 0.0, 1.0), ("no enhancer", 0.02, 0.0) })
{
    if (more > 0)
    {
        string folder = Path.Combine(output, name);
        await Tasks.Train(views, samples, folder, "e3-facenet", new
        {
            Discriminator = Path.Combine(start, "discriminator.safetensors"), AdversarialWeight = 0.02, ViewWeight = 1, DepthWeight = 1,
            EditWeight = enhancer > 0 ? 0.5 : 0, EnhancerStrength = enhancer, GeometryWeight = geometry, OffsetWeight = 0, PathWeight = 0, StyleMixing = 0,
            Mirror = false, TrainText = true, Noises = 1, Steps = more, BatchSize = 4, Rate = 5e-4, HalfLife = 0.3, SaveHalf = true,
        });
        await Show(Path.Combine(folder, "face.safetensors"));
    }
}

async Task Show(string checkpoint)
{
    using var faces = await Tasks.Load<IFaceGenerator>(checkpoint, "e3-facenet");
    var heads = File.ReadLines(samples).Take(1000).Select(line => JsonSerializer.Deserialize<JsonElement>(line))
        .GroupBy(line => line.GetProperty("head").GetInt64());
    List<Image> rows = [];
    foreach (var head in heads.Take(show))
    {
        JsonElement[] lines = [.. head];
        ViewPoint[] points = [.. lines.Select(line => new ViewPoint(line.GetProperty("yaw").GetDouble(), line.GetProperty("pitch").GetDouble()))];
        FaceRequest request = new() { Text = lines[0].GetProperty("text").GetString()!, Seed = 0, Truncation = 1, Views = points };
        rows.AddRange(lines.Select(line => Images.Load(Path.Combine(Args[0], line.GetProperty("image").GetString()!))));
        rows.AddRange(faces.Generate(request).Value.Select(view => Image.FromPicture(view.Picture)));
    }

    if (rows.Count > 0)
    {
        Image.Montage(rows, heads.First().Count(), gap: 2).SavePng(Path.Combine(Path.GetDirectoryName(checkpoint)!, $"{show}.png"));
    }
}
