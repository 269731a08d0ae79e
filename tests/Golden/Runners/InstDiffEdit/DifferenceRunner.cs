using System.Text.Json;
using Aperture.Diffusion;
using Aperture.Images;
using Aperture.Plugins.InstDiffEdit;
using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Plugins.InstDiffEdit.Stages;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>DiffEdit's grey map and mask, and SDEdit's latent and picture.</summary>
public sealed class DifferenceRunner : IGoldenRunner
{
    private const int DefaultSteps = 50, MaskPixels = 4;
    private const double DefaultGuidance = 7.5, NoiseTolerance = 2e-6;

    public string Area => DiffusionCase.AreaName;

    public string Kind => "diffedit_sdedit";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = inference_mode();
        JsonElement config = golden.Config;
        using RecordedModel models = new(golden);
        DiffusionModel model = models.Model;
        int samples = config.GetProperty("samples").GetInt32(), side = model.PictureSize;
        string[] prompts = DiffusionCase.Texts(config.GetProperty("prompts"));
        EditorOptions options = new()
        {
            Method = EditorOptions.DiffEdit,
            Inpaint = "none",
            Samples = samples,
            MaskThreshold = config.GetProperty("threshold").GetDouble(),
        };
        EditPlan plan = Plan(config, prompts[^1], DiffusionCase.Long(config.GetProperty("seed")), side);
        CheckSeeds(golden, plan.Seed, samples);
        Image image = MaskPipelineRunner.Rgb(golden.Get("in.image")).Resize(side, side);
        using Tensor unit = PictureTensors.Unit(image);
        Tensor clean = model.Pictures.Latents(unit.mul(2).sub(1), golden.Get("in.vae_noise"));
        golden.Compare("mid.latent.strided", DiffusionCase.Strided(clean));

        using EditTrace trace = new();
        Tensor noise = cat([.. Enumerable.Range(0, samples).Select(sample => golden.Get($"in.noise.{sample}"))], 0);
        DifferenceStage stage = new(model, plan, options, new TaskRun { Trace = trace });
        byte[] grey = stage.Run(clean, noise, prompts[0]);
        for (int sample = 0; sample < samples; sample++)
        {
            foreach (string name in new[] { $"noise_pred_source.{sample}", $"noise_pred_target.{sample}" })
            {
                golden.Compare($"mid.{name}.strided", DiffusionCase.Strided(trace[name]));
            }
        }

        (int height, int width) = ((int)clean.size(2), (int)clean.size(3));
        MaskPipelineRunner.Near(golden, "out.gray", MaskPipelineRunner.Bytes(grey, height, width), most: 1);
        byte[] mask = DifferenceMask.Binary(golden.Get("out.gray").data<byte>().ToArray(), height, width, options.Threshold);
        Tensor recorded = golden.Get("out.mask");
        Assert.True(recorded.ne(MaskPipelineRunner.Bytes(mask, height, width)).sum().item<long>() <= MaskPixels);
        golden.NotCompared("out.mask", "compared pixel by pixel");
        Assert.Equal(4L * samples * (plan.Steps - plan.First), stage.UNetPasses);
        SdEdit(golden, models, clean, side);
    }

    private static EditPlan Plan(JsonElement config, string prompt, long seed, int side)
    {
        int steps = config.TryGetProperty("steps", out JsonElement given) ? given.GetInt32() : DefaultSteps;
        double guidance = config.TryGetProperty("guidance", out JsonElement weight) ? weight.GetDouble() : DefaultGuidance;
        return new EditPlan(prompt, steps, steps - (int)(steps * config.GetProperty("strength").GetDouble()), guidance, seed, side, side);
    }

    private static void CheckSeeds(GoldenCase golden, long seed, int samples)
    {
        long[] seeds = [.. golden.Config.GetProperty("sample_seeds").EnumerateArray().Select(DiffusionCase.Long)];
        Assert.Equal(seeds, SeededNoise.Seeds(seed, samples));
        for (int sample = 0; sample < samples; sample++)
        {
            string name = $"in.noise.{sample}";
            using TorchRandom random = new(seeds[sample]);
            golden.Compare(name, random.Normal(golden.Get(name).shape), NoiseTolerance / golden.Get(name).abs().max().item<float>());
        }
    }

    private static void SdEdit(GoldenCase golden, RecordedModel models, Tensor clean, int side)
    {
        JsonElement config = golden.Config;
        long seed = DiffusionCase.Long(config.GetProperty("sdedit_seed"));
        EditPlan plan = Plan(config, config.GetProperty("sdedit_prompt").GetString()!, seed, side);
        EditorOptions options = new() { Method = EditorOptions.SdEdit };
        Tensor noise = golden.Get("in.sdedit_noise");
        golden.Compare("in.sdedit_noise", new SeededNoise(seed).Start(noise.shape, 1), NoiseTolerance / noise.abs().max().item<float>());
        using GuidedDenoiser denoiser = Sentences.Guide(models.Model, plan.Prompt, 1, plan.Guidance, options.RoundText, default);
        (Tensor latent, _) = new PlainStage(models.Model, plan, options, TaskRun.Plain).Run("denoising", clean, noise, denoiser);
        golden.Compare(
            "out.sdedit_latent", golden.Get("out.sdedit_latent").size(-1) == latent.size(-1) ? latent : DiffusionCase.Strided(latent));
        Assert.Equal(2L * (plan.Steps - plan.First), denoiser.Passes);
        Picture picture = PictureTensors.ToPicture(models.Model.Pictures.Pictures(latent));
        Tensor strided = DiffusionCase.Strided(Image.FromPicture(picture).ToTensor().permute(2, 0, 1), side / 64).permute(1, 2, 0);
        MaskPipelineRunner.Near(golden, "out.sdedit_image.strided", strided, most: 1);
    }
}
