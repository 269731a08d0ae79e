// Trains a small latent diffusion model that edits shelves, from random weights: the autoencoder, then the UNet and the text encoder together, with a loss that
// teaches attention where words' things are, then a second UNet that paints inside of a mask, with a text encoder of its own: the first one's is left with what
// finds places, which a mask tells anyway, and the second one's with colours and kinds. scripts/edit-table.csx scores the result.
//
//     aperture shelf edits train --part Training --pictures 4000
//     aperture diffusion-start train/edits.jsonl start --pictures 16,32,64 --channels 32,48,64,48 --longest 24
//     aperture run scripts/train/tiny-editor.csx -- start train out
//     aperture shelf edits test --part HeldOut --pictures 100 --seed 2
//     aperture run scripts/edit-table.csx -- out/model test
//
// A training that was stopped goes on when the same command is given again.
int Steps(string name, int usual)
{
    int place = Args.ToList().IndexOf(name);
    return place < 0 ? usual
        : place + 1 < Args.Count && int.TryParse(Args[place + 1], out int steps) && steps > 0 ? steps
        : throw new ApertureException($"{name} needs a number above 0.");
}

if (Args.Count < 3 || Args.Take(3).Any(word => word.StartsWith("--")))
{
    throw new ApertureException("usage: tiny-editor.csx -- START TRAIN OUT [--autoencoder N] [--denoiser N] [--inpainting N]");
}

string samples = Path.Combine(Args[1], "edits.jsonl"), output = Args[2], model = Path.Combine(output, "model");
async Task<string> Train(string from, string name, object options)
{
    string folder = Path.Combine(output, name);
    await Tasks.Train(from, samples, folder, "instdiffedit", options);
    return Path.Combine(folder, "model");
}

string pictures = await Train(Args[0], "autoencoder", new
{
    Stage = "Autoencoder", Steps = Steps("--autoencoder", 3000), BatchSize = 8, Rate = 2e-3, Ema = 0.995, Divergence = 2e-4, SaveHalf = true,
});
string denoiser = await Train(pictures, "denoiser", new
{
    Stage = "Denoiser", Steps = Steps("--denoiser", 4500), BatchSize = 8, Rate = 1.2e-3, Ema = 0.998, TrainText = true, Localization = 1, SaveHalf = true,
});
string untaught = Path.Combine(output, "denoiser-untaught"); // the denoiser with the text encoder as it began
Copy(denoiser, untaught);
Copy(Path.Combine(Args[0], "text_encoder"), Path.Combine(untaught, "text_encoder"));
string painter = await Train(untaught, "inpainting", new
{
    Stage = "Inpainting", Steps = Steps("--inpainting", 12000), BatchSize = 8, Rate = 2e-3, Ema = 0.998, Velocity = true, MaskWeight = 1, TimeShift = 6,
    TrainText = true, TextDropout = 0.05, SaveHalf = true,
});

// One folder: the first model, the second one's UNet, schedule and text encoder, and what both need to be told.
string inside = Path.Combine(model, "inpainting");
Copy(denoiser, model);
Copy(Path.Combine(painter, "unet"), inside);
Copy(Path.Combine(painter, "scheduler"), Path.Combine(inside, "scheduler"));
Copy(Path.Combine(painter, "text_encoder"), Path.Combine(inside, "text_encoder"));
File.WriteAllText(Path.Combine(model, "task.json"), """
    {
      "architecture": "instdiffedit",
      "options": {
        "Inpaint": "inpainting",
        "MapResolution": 12,
        "MaskThreshold": 0.6
      }
    }

    """);
Print($"wrote {Path.GetFullPath(model)}");

void Copy(string from, string to)
{
    foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
    {
        string target = Path.Combine(to, Path.GetRelativePath(from, file));
        Directory.CreateDirectory(Path.GetDirectoryName(target)!);
        File.Copy(file, target, overwrite: true);
    }
}
