// Finds masks in a picture: by sentences (a DIT), or by points and a box (a DIT or a Segment Anything); shows them over the picture and what each stage cost.
//
//     aperture run scripts/segment.csx -- tiny-dit scripts/shelf.png "the shirt in the bottom center" "the boot on the left"
//     aperture run scripts/segment.csx -- seg_best.pth photo.png "the red bag" "the second boot from the right" --with '{"Tokenizer": "bert-base-uncased"}'
//     aperture run scripts/segment.csx -- sam_vit_b_01ec64.pth photo.png --point 320,200 --box 250,120,400,300 --all
//
// --point X,Y lies inside, --beside X,Y outside; --all gives every reading of points and box. Overlays are written beside --out PREFIX (segment by default).
using System.Globalization;

string[] words = [.. Args];
if (words.Length < 3)
{
    throw new ApertureException(
        "usage: segment.csx -- CHECKPOINT PICTURE [TEXT...] [--point X,Y] [--beside X,Y] [--box L,T,R,B] [--all] [--out PREFIX] [--with OPTIONS]");
}

List<string> texts = [];
List<PromptPoint> points = [];
PixelBox? box = null;
string options = "{}", prefix = "segment";
bool all = false;
double[] Numbers(string text, int count)
{
    double[] numbers = [.. text.Split(',').Select(part => double.TryParse(part, CultureInfo.InvariantCulture, out double number) ? number : double.NaN)];
    return numbers.Length == count && numbers.All(double.IsFinite)
        ? numbers
        : throw new ApertureException($"'{text}' is not {count} numbers with commas between them.");
}

for (int i = 2; i < words.Length; i++)
{
    string Next() => ++i < words.Length ? words[i] : throw new ApertureException($"{words[i - 1]} needs a value.");
    switch (words[i])
    {
        case "--point":
            double[] inside = Numbers(Next(), 2);
            points.Add(new PromptPoint(inside[0], inside[1]));
            break;
        case "--beside":
            double[] beside = Numbers(Next(), 2);
            points.Add(new PromptPoint(beside[0], beside[1], IsInside: false));
            break;
        case "--box":
            double[] corners = Numbers(Next(), 4);
            box = new PixelBox(corners[0], corners[1], corners[2], corners[3]);
            break;
        case "--all":
            all = true;
            break;
        case "--out":
            prefix = Next();
            break;
        case "--with":
            options = Next();
            break;
        default:
            texts.Add(words[i]);
            break;
    }
}

var segmenter = await Tasks.Load<ISegmenter>(words[0], options: options);
var picture = Images.Load(words[1]).ConvertToRgb();
SegmentPrompt[] prompts = texts.Count == 0
    ? [new SegmentPrompt { Points = points, Box = box, AllReadings = all }]
    : [.. texts.Select(text => new SegmentPrompt { Text = text, Points = points, Box = box })];
var found = segmenter.Segment(picture, prompts);

int file = 0;
foreach (var (prompt, masks) in prompts.Zip(found.Value))
{
    foreach (var mask in masks)
    {
        string path = $"{prefix}-{++file}.png";
        Overlay(picture, mask.Mask).SavePng(path);
        string score = double.IsNaN(mask.Score) ? "" : $", estimated IoU {mask.Score:0.00}";
        Print($"{path}: {prompt.Text ?? "points and box"}: {100.0 * mask.Mask.Area / ((long)picture.Width * picture.Height):0.0} % of the picture{score}");
        Show(Overlay(picture, mask.Mask));
    }
}

Print(string.Join(", ", found.Measure.Milliseconds.Select(stage => $"{stage.Key} {stage.Value:0} ms")));
Print(string.Join(", ", found.Measure.Flops.Select(part => $"{part.Key} {part.Value / 1e9:0.0} GFLOPs")));
if (prompts.Length > 1)
{
    // The same sentences one by one: what all together save is what does not depend on the sentence.
    double apart = prompts.Sum(prompt => segmenter.Segment(picture, [prompt]).Measure.TotalFlops);
    Print(
        $"{prompts.Length} sentences on one picture: {found.Measure.TotalFlops / 1e9:0.0} GFLOPs together, {apart / 1e9:0.0} one by one again (sentences "
        + "known), "
        + $"ratio {found.Measure.TotalFlops / apart:0.00}");
}

// The mask in red over the picture.
Image Overlay(Image image, MaskImage mask)
{
    byte[] pixels = image.Pixels.ToArray();
    for (int i = 0; i < mask.Width * mask.Height; i++)
    {
        if (mask.IsInside(i % mask.Width, i / mask.Width))
        {
            (pixels[3 * i], pixels[(3 * i) + 1], pixels[(3 * i) + 2])
                = ((byte)((pixels[3 * i] + 510) / 3), (byte)(2 * pixels[(3 * i) + 1] / 3), (byte)(2 * pixels[(3 * i) + 2] / 3));
        }
    }

    return Image.FromRgb(pixels, image.Width, image.Height);
}
