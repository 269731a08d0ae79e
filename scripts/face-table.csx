// Scores face generators on heads that training never saw, a row a model: attributes that the judge sees as the sentence has them, and after an edit; what an
// edit changes elsewhere; how views agree, pixel by pixel through the model's own depth; and that depth against the truth.
//
//     aperture heads test --part HeldOut --heads 60 --views 1 --seed 2
//     aperture run scripts/face-table.csx -- test whole=out/whole/face.safetensors "no enhancer=out/plain/face.safetensors"
//
// Truth is rendered in the usual proportions, since no sentence names them, and seed 0 is taken throughout, the noise that tiny-face.csx trains with. Intervals
// are of 95 %, over heads.
using System.Text.Json;
using Aperture.Workshop;

const int Side = HeadPainter.Side;
const double Range = HeadCamera.Far - HeadCamera.Near, SameSurface = 0.012, Seen = 0.15;
if (Args.Count < 2 || Args.Skip(1).Any(word => !word.Contains('=')))
{
    throw new ApertureException("usage: face-table.csx -- TEST NAME=CHECKPOINT...");
}

double[] yaws = [-0.5, -0.25, 0, 0.25, 0.5];
JsonElement[] heads = [.. File.ReadLines(Path.Combine(Args[0], HeadSet.SamplesFile)).Select(line => JsonSerializer.Deserialize<JsonElement>(line))
    .DistinctBy(line => line.GetProperty("head").GetInt32())];
ViewPoint[] views = [.. yaws.Select(yaw => new ViewPoint(yaw, 0))];
HeadCamera[] cameras = [.. yaws.Select(yaw => new HeadCamera(yaw, 0))];

Print($"| model | attributes right, % | {string.Join(" | ", HeadWords.Attributes)} | off the truth | views disagree | surface seen twice, % "
    + "| depth off, 1/1000 | edits right, % | changed elsewhere | ms a view |");
Print($"|---|{string.Concat(Enumerable.Repeat("---|", HeadWords.Attributes.Count + 8))}");
foreach (string word in Args.Skip(1))
{
    int sign = word.IndexOf('=');
    await Row(word[..sign], word[(sign + 1)..]);
}

async Task Row(string name, string checkpoint)
{
    using var faces = await Tasks.Load<IFaceGenerator>(checkpoint, "e3-facenet");
    using var surfaces = await Tasks.Load<IFaceGenerator>(checkpoint, "e3-facenet", new { Render = "depth" });
    List<Scores> all = [];
    foreach (JsonElement line in heads)
    {
        all.Add(Score(faces, surfaces, line));
    }

    string Cell(Func<Scores, double> value, double factor = 1)
    {
        double[] some = [.. all.Select(value).Where(double.IsFinite)];
        double mean = some.Average(), spread = Math.Sqrt(some.Sum(one => (one - mean) * (one - mean)) / Math.Max(1, some.Length - 1) / some.Length);
        return FormattableString.Invariant($"{factor * mean:0.0} ± {1.96 * factor * spread:0.0}");
    }

    double[] times = [.. all.Select(one => one.Milliseconds).Order()];
    string each = string.Join(" | ", HeadWords.Attributes.Select(attribute => FormattableString.Invariant(
        $"{100 * all.Select(one => one.Right[(int)attribute]).Where(double.IsFinite).DefaultIfEmpty(double.NaN).Average():0}")));
    Print($"| {name} | {Cell(one => one.Right.Where(double.IsFinite).Average(), 100)} | {each} | {Cell(one => one.OffTruth)} | {Cell(one => one.Disagree)} "
        + $"| {Cell(one => one.SeenTwice, 100)} | {Cell(one => one.DepthOff, 1000)} | {Cell(one => one.EditRight, 100)} | {Cell(one => one.Elsewhere)} "
        + FormattableString.Invariant($"| {times[times.Length / 2]:0.0} |"));
}

Scores Score(OpenTask<IFaceGenerator> faces, OpenTask<IFaceGenerator> surfaces, JsonElement line)
{
    JsonElement attributes = line.GetProperty("attributes");
    PaintedHead head = new([.. HeadWords.Attributes.Select(attribute => attributes.GetProperty(attribute.ToString()).GetInt32())]);
    var edit = (Attribute: Enum.Parse<HeadAttribute>(line.GetProperty("edit_attribute").GetString()!), Value: line.GetProperty("edit_value").GetInt32());
    FaceRequest request = new()
    {
        Text = line.GetProperty("text").GetString()!, Seed = 0, Truncation = 1, Views = views,
    };
    var made = faces.Generate(request);
    byte[][] pictures = [.. made.Value.Select(view => Bytes(view.Picture))];
    byte[][] edited = [.. faces.Generate(request with { EditText = line.GetProperty("edit_text").GetString()!, EditAlpha = 0 }).Value
        .Select(view => Bytes(view.Edited!))];
    double[][] near = [.. surfaces.Generate(request).Value.Select(view => Nearness(view.Picture))];
    HeadView[] truths = [.. cameras.Select(camera => HeadPainter.Paint(head, camera))];
    double Right(byte[][] shown, PaintedHead told, HeadAttribute attribute)
    {
        int[] values = [.. cameras.Select((camera, view) => HeadJudge.Shown(shown[view], camera, told, attribute)).Where(value => value >= 0)];
        return values.Length == 0 ? double.NaN : values.Average(value => value == told[attribute] ? 1.0 : 0);
    }

    PaintedHead changed = head.With(edit.Attribute, edit.Value);
    (double disagree, double twice) = Agreement(pictures, near);
    return new Scores(
        [.. HeadWords.Attributes.Select(attribute => Right(pictures, head, attribute))],
        pictures.Zip(truths, (shown, truth) => Difference(shown, truth.Pixels, _ => true)).Average(),
        disagree, twice,
        truths.Zip(near, (truth, own) => Enumerable.Range(0, own.Length).Where(pixel => Depth(truth, own, pixel) > 0)
            .Average(pixel => Math.Abs(HeadCamera.Far - (Range * own[pixel]) - Depth(truth, own, pixel)))).Average(),
        Right(edited, changed, edit.Attribute),
        cameras.Select((camera, view) => Difference(edited[view], pictures[view], Outside(HeadJudge.Differing(head, changed, camera)))).Average(),
        made.Measure.TotalMilliseconds / views.Length);
}

// Points of each view taken into the next one by the view's own depth: how colours differ, in grey levels, where both see the same surface, and how often.
(double Disagree, double SeenTwice) Agreement(byte[][] pictures, double[][] near)
{
    List<double> differences = [];
    int seen = 0, map = (int)Math.Sqrt(near[0].Length), stride = Side / map;
    for (int view = 0; view + 1 < pictures.Length; view++)
    {
        for (int pixel = 0; pixel < near[view].Length; pixel++)
        {
            if (near[view][pixel] < Seen)
            {
                continue;
            }

            int column = pixel % map * stride, row = pixel / map * stride;
            var direction = cameras[view].Direction(HeadPainter.Coordinate(column), -HeadPainter.Coordinate(row));
            double own = HeadCamera.Far - (Range * near[view][pixel]);
            (double x, double y, double depth) = cameras[view + 1].Project(cameras[view].Place + ((float)own * direction));
            double otherColumn = (x + 1) / 2 * (Side - 1), otherRow = (1 - y) / 2 * (Side - 1);
            if (otherColumn < 0 || otherRow < 0 || otherColumn > Side - 1 || otherRow > Side - 1)
            {
                continue;
            }

            int there = (Math.Min(map - 1, (int)Math.Round(otherRow / stride)) * map) + Math.Min(map - 1, (int)Math.Round(otherColumn / stride));
            seen++;
            if (Math.Abs(HeadCamera.Far - (Range * near[view + 1][there]) - depth) < SameSurface)
            {
                int to = ((int)Math.Round(otherRow) * Side) + (int)Math.Round(otherColumn), from = (row * Side) + column;
                differences.Add(Enumerable.Range(0, 3).Average(
                    channel => Math.Abs(pictures[view][(3 * from) + channel] - pictures[view + 1][(3 * to) + channel])));
            }
        }
    }

    return (differences.Count == 0 ? double.NaN : differences.Average(), seen == 0 ? double.NaN : (double)differences.Count / seen);
}

// The true distance at a pixel of the map; 0 for the wall.
double Depth(HeadView truth, double[] own, int pixel)
{
    int map = (int)Math.Sqrt(own.Length), stride = Side / map;
    return truth.Depth[(pixel / map * stride * Side) + (pixel % map * stride)];
}

byte[] Bytes(Picture picture) => Image.FromPicture(picture).ConvertToRgb().Pixels.ToArray();

double[] Nearness(Picture picture)
{
    byte[] bytes = Bytes(picture);
    return [.. Enumerable.Range(0, bytes.Length / 3).Select(pixel => bytes[3 * pixel] / 255.0)];
}

Func<int, bool> Outside(bool[] changed) => pixel => !Enumerable.Range(-1, 3).Any(down => Enumerable.Range(-1, 3).Any(across =>
    Math.Clamp((pixel / Side) + down, 0, Side - 1) * Side + Math.Clamp((pixel % Side) + across, 0, Side - 1) is int near && changed[near]));

double Difference(byte[] one, byte[] other, Func<int, bool> counts)
{
    int[] pixels = [.. Enumerable.Range(0, one.Length / 3).Where(counts)];
    return pixels.Length == 0 ? double.NaN : pixels.Average(pixel => Enumerable.Range(3 * pixel, 3).Average(at => Math.Abs(one[at] - other[at])));
}

// What a head's pictures score: by attribute, and in grey levels, shares and distances.
record Scores(
    double[] Right, double OffTruth, double Disagree, double SeenTwice, double DepthOff, double EditRight, double Elsewhere, double Milliseconds);
