using System.Text.Json;
using Aperture.Diffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>A whole checkpoint in diffusers' layout, opened and run: text, one pass of the UNet, a decoded latent, and a picture of a text.</summary>
public sealed class TextToImageRunner : IGoldenRunner
{
    public string Area => DiffusionCase.AreaName;

    public string Kind => "text_to_image";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = inference_mode();
        JsonElement config = golden.Config;
        string folder = Path.Combine(golden.Folder, golden.Meta.GetProperty("weights")[0].GetString()!);
        using DiffusionModel model = DiffusionModel.Open(folder, new DiffusionModelOptions { Type = ScalarType.Float32, RepairText = false });
        string prompt = config.GetProperty("prompt").GetString()!;
        golden.CompareExact("in.ids", cat([model.Ids(prompt), model.Ids("")], 0));
        Tensor text = cat([model.Encode(prompt), model.Encode("")], 0), latents = golden.Get("in.latents");
        golden.Compare("mid.text", text);
        foreach (string name in golden.Names.Where(name => name.StartsWith("mid.unet_t", StringComparison.Ordinal)))
        {
            golden.Compare(name, model.UNet.Run(latents, double.Parse(name["mid.unet_t".Length..]), text.narrow(0, 0, 1)));
        }

        golden.Compare("mid.vae_decode", model.Pictures.Decode(latents));
        using PndmScheduler scheduler = new(model.Schedule, config.GetProperty("steps").GetInt32());
        Tensor picture = TextToImage.Run(model, prompt, latents, scheduler, config.GetProperty("guidance").GetDouble());
        Assert.Equal(config.GetProperty("height").GetInt64(), picture.size(2));
        Assert.Equal(config.GetProperty("width").GetInt64(), picture.size(3));
        golden.Compare("out.image", picture.permute(0, 2, 3, 1)); // [1, 3, H, W] -> [1, H, W, 3]
    }
}
