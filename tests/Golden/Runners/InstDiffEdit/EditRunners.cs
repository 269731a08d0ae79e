using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.InstDiffEdit;
using Aperture.Plugins.InstDiffEdit.Masks;
using Aperture.Plugins.InstDiffEdit.Stages;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>
/// Whole edits of the script for one picture: once with the recorded masks pasted step by step, where every value is compared, and once freely, where the
/// first mask that differs may do so by what the case's sensitivity allows; behind it the paths part, and masks overlap.
/// </summary>
public sealed class SampleEditRunner : IGoldenRunner
{
    private const int FreePixels = 4;
    private const double NoiseTolerance = 2e-6;

    public string Area => DiffusionCase.AreaName;

    public string Kind => "edit_sample";

    public void Run(GoldenCase golden)
    {
        using IDisposable quiet = inference_mode();
        JsonElement config = golden.Config;
        using RecordedModel models = new(golden);
        EditorOptions options = Options(config);
        using DiffusionEditor editor = new(models.Model, models.Painter, options);
        int side = models.Model.PictureSize, steps = config.GetProperty("steps").GetInt32();
        int first = steps - (int)(steps * config.GetProperty("strength").GetDouble());
        long seed = DiffusionCase.Long(config.GetProperty("seed"));
        EditPlan plan = new(config.GetProperty("prompt").GetString()!, steps, first, config.GetProperty("guidance").GetDouble(), seed, side, side);
        CheckNoise(golden, seed, options.SampleCount);
        Assert.Equal(DiffusionCase.Integers(config.GetProperty("tokens")), models.Model.Tokenizer.Encode(plan.Prompt));
        CheckText(golden, models, plan);

        Image image = MaskPipelineRunner.Rgb(golden.Get("in.image")).Resize(side, side);
        golden.CompareExact("mid.input512.strided", DiffusionCase.Strided(image.ToTensor().permute(2, 0, 1), side / 64).permute(1, 2, 0));
        Tensor masks = golden.Get("out.masks");
        using (EditTrace trace = new())
        {
            EditedPicture edited = editor.Edit(
                image, new EditRequest { Target = plan.Prompt }, plan, new RecordedNoise(golden), new TaskRun { Trace = trace },
                step => masks[step].data<byte>().ToArray());
            EditComparison comparison = new(golden, trace, steps - first);
            comparison.MaskStage();
            comparison.Painting(edited);
            Assert.Equal((2L * options.SampleCount * (steps - first)) + (2L * options.InpaintSteps), editor.UNetPasses);
        }

        Freely(golden, models, options, plan, image);
    }

    private static int[] MostPixels(GoldenCase golden)
        =>
        [
            .. DiffusionCase.Integers(
                golden.Meta.GetProperty("sensitivity").GetProperty("mask_pixels_changed_per_step")).Select(pixels => Math.Max(pixels, FreePixels)),
        ];

    private static void CheckNoise(GoldenCase golden, long seed, int samples)
    {
        Assert.Equal(
            golden.Config.GetProperty("noise_seeds").EnumerateArray().Select(DiffusionCase.Long), SeededNoise.Seeds(seed, samples));
        SeededNoise seeded = new(seed);
        long[] shape = golden.Get("in.vae_noise").shape;
        Close("in.noises", seeded.Start(shape, samples));
        (Tensor start, Tensor encoding) = seeded.Painting(shape);
        Close("in.inpaint_noise", start);
        Close("in.inpaint_vae_noise", encoding);

        void Close(string name, Tensor own) => golden.Compare(name, own, NoiseTolerance / golden.Get(name).abs().max().item<float>());
    }

    private static void CheckText(GoldenCase golden, RecordedModel models, EditPlan plan)
    {
        Tensor rows = cat([.. new[] { "", plan.Prompt }.Select(text => Sentences.Rows(models.Model, text, rounded: true, default))]);
        golden.Compare("mid.text_embeddings", rows.narrow(1, 0, golden.Get("mid.text_embeddings").size(1)));
    }

    private void Freely(GoldenCase golden, RecordedModel models, EditorOptions options, EditPlan plan, Image image)
    {
        using EditTrace trace = new();
        using DiffusionEditor editor = new(models.Model, null, options with { Inpaint = null });
        editor.Edit(image, new EditRequest { Target = plan.Prompt, MaskOnly = true }, plan, new RecordedNoise(golden), new TaskRun { Trace = trace });
        int[] most = MostPixels(golden);
        Tensor masks = golden.Get("out.masks");
        bool parted = false;
        for (int step = 0; step < most.Length; step++)
        {
            long changed = masks[step].ne(trace[$"mask.{step}"]).sum().item<long>();
            bool isOff = parted ? EditComparison.IoU(masks[step], trace[$"mask.{step}"]) < EditComparison.LeastIoU : changed > most[step];
            Assert.False(isOff, $"{golden.Name}: run freely, the mask of step {step} differs in {changed} pixels");
            parted |= changed > 0; // the paths part where a pixel is pasted otherwise
        }
    }

    private EditorOptions Options(JsonElement config) => new()
    {
        Preset = EditorOptions.Sample,
        Inpaint = "inpainting",
        Samples = config.GetProperty("batch_size").GetInt32(),
        MaskThreshold = config.GetProperty("threshold").GetDouble(),
        ObjectThreshold = config.GetProperty("th1").GetDouble(),
        BackgroundThreshold = config.GetProperty("th2").GetDouble(),
        InpaintGuidance = config.GetProperty("guidance").GetDouble(),
        InpaintSteps = config.TryGetProperty("inpaint_steps", out JsonElement steps) ? steps.GetInt32() : config.GetProperty("steps").GetInt32(),
    };
}
