// Edits a picture with a Stable Diffusion checkpoint where the attention of the sentence's words finds what it names, and saves the way of the mask.
//
//     aperture run scripts/edit.csx -- stable-diffusion-v1-4 photo.png "a raccoon" edited.png --with '{"Inpaint": "stable-diffusion-inpainting"}'
//
// Beside edited.png lie edited-mask.png and edited-steps.gif, the picture beside the mask of each step. Without Inpaint the mask stage's own latents are shown.
using System.Text.Json;
using System.Text.Json.Nodes;

int with = Args.ToList().IndexOf("--with");
string[] words = [.. with < 0 ? Args : Args.Take(with)];
if (words.Length != 4 || (with >= 0 && with != Args.Count - 2))
{
    throw new ApertureException("usage: edit.csx -- CHECKPOINT PICTURE SENTENCE OUTPUT.png [--with OPTIONS]");
}

string options = with < 0 ? "{}" : Args[with + 1];
try
{
    JsonNode.Parse(options)!.AsObject();
}
catch (Exception error) when (error is JsonException or InvalidOperationException or NullReferenceException)
{
    throw new ApertureException($"--with {options}: this is no JSON object; write one such as {{\"Samples\": 1}}.");
}

var picture = Images.Load(words[1]);
var editor = await Tasks.Load<IImageEditor>(words[0], options: options);
List<Image> steps = [];
var call = new TaskCall
{
    Progress = step =>
    {
        Print($"{step.Stage} {step.Done}/{step.Total}{(step.Mask is { } mask ? $", {100.0 * mask.Area / (mask.Width * mask.Height):0.0} % inside" : "")}");
        if (step.Stage == "mask" && step.Mask is { } found)
        {
            Image beside = picture.ConvertToRgb().Resize(found.Width, found.Height, ResampleFilter.Bicubic);
            steps.Add(Image.Montage([beside, Image.FromMask(found).ConvertToRgb()], 2, gap: 3));
        }
    },
};
var result = editor.Edit(picture, words[2], call);

string name = System.IO.Path.ChangeExtension(words[3], null);
Image.FromPicture(result.Value.Picture!).SavePng(words[3]);
Image.FromMask(result.Value.Mask!).SavePng(name + "-mask.png");
Image.SaveGif(steps, name + "-steps.gif", TimeSpan.FromMilliseconds(200));
Print($"{result.Measure.TotalMilliseconds / 1000:0.0} s, {result.Measure.TotalFlops / 1e9:0.0} GFLOPs: {words[3]}, {name}-mask.png, {name}-steps.gif");
