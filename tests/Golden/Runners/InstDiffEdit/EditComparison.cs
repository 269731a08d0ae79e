using Aperture.Images;
using Aperture.Tasks;
using Aperture.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>Holds the values of a run against those that a case recorded.</summary>
internal sealed class EditComparison(GoldenCase golden, EditTrace trace, int steps)
{
    private const int PredictedEvery = 6, PaintedEvery = 7, PictureStride = 8;
    private const double BytesMoved = 0.01; // share of bytes that rounding may move by one

    /// <summary>Of a mask with the recorded one, once a byte of a map has moved.</summary>
    public const double LeastIoU = 0.97;

    public static double IoU(Tensor a, Tensor b)
    {
        Tensor first = a.gt(0), second = b.gt(0);
        long any = first.logical_or(second).sum().item<long>();
        return any == 0 ? 1 : (double)first.logical_and(second).sum().item<long>() / any;
    }

    public void MaskStage()
    {
        golden.Compare("mid.latent", trace["latent"]);
        int tokens = (int)golden.Get("mid.maps").size(-1), last = steps - 1;
        golden.Compare("mid.maps", stack([.. Each(step => trace[$"maps.{step}"].narrow(-1, 0, tokens))]));
        golden.Compare("mid.unet_in.first.strided", DiffusionCase.Strided(trace["unet_in.0"]));
        Tensor predicted = golden.Get("mid.noise_pred.strided");
        golden.Compare(
            "mid.noise_pred.strided",
            stack([.. Enumerable.Range(0, (int)predicted.size(0)).Select(i => DiffusionCase.Strided(trace[$"noise_pred.{i * PredictedEvery}"]))]));
        golden.Compare("mid.after_step.strided", stack([.. Each(step => DiffusionCase.Strided(trace[$"after_step.{step}"]))]));
        MaybeStrided("mid.after_step.last", trace[$"after_step.{last}"]);
        MaybeStrided("mid.after_paste.last.strided", trace[$"after_paste.{last}"]);
        MaybeStrided("mid.original.last.strided", trace[$"original.{last}"]);
        foreach ((string when, int step) in new[] { ("first", 0), ("last", last) })
        {
            Bytes($"mid.word_images.{when}", trace[$"word_images.{step}"]);
            Bytes($"out.mask_gray.{when}", trace[$"mask_gray.{step}"]);
            if (golden.Has($"mid.refined.{when}"))
            {
                // One byte of a word's image is 1/255 of the map.
                Share($"mid.refined.{when}", golden.Get($"mid.refined.{when}").sub(trace[$"refined.{step}"]).abs().gt(0.02));
            }
        }

        Tensor masks = golden.Get("out.masks");
        for (int step = 0; step < steps; step++)
        {
            double iou = IoU(masks[step], trace[$"mask.{step}"]);
            Assert.True(iou >= LeastIoU, $"{golden.Name}: the mask of step {step} has IoU {iou:0.000} with the recorded one");
        }

        golden.NotCompared("out.masks", "pasted step by step, and compared pixel by pixel");
    }

    public void Painting(EditedPicture edited)
    {
        Tensor inside = tensor(Array.ConvertAll(edited.Mask!.Bytes.ToArray(), value => value >= 128 ? 1f : 0f), [edited.Mask.Height, edited.Mask.Width]);
        golden.Compare("mid.inpaint_mask512.rows", inside.sum([1L]));
        golden.Compare("mid.inpaint_mask512.cols", inside.sum([0L]));
        golden.Compare("mid.mask_latent", trace["mask_latent"]);
        MaybeStrided("mid.masked_latent", trace["masked_latent"]);
        Tensor recorded = golden.Get("mid.inpaint_latents.strided");
        golden.Compare(
            "mid.inpaint_latents.strided",
            stack([.. Enumerable.Range(0, (int)recorded.size(0)).Select(i => DiffusionCase.Strided(trace[$"inpaint_latents.{i * PaintedEvery}"]))]));
        MaybeStrided("out.final_latent", trace["final_latent"]);
        Tensor pixels = Image.FromPicture(edited.Picture!).ToTensor(); // [H, W, 3]
        Tensor strided = DiffusionCase.Strided(pixels.permute(2, 0, 1), PictureStride).permute(1, 2, 0);
        Bytes("out.image.strided", strided);

        // The picture was rounded to bytes.
        golden.Compare("out.image_float.strided", strided.to(ScalarType.Float32).div(255), 0.003);
        Tensor rows = pixels.to(ScalarType.Int64).sum([1L, 2L]);
        golden.Compare("out.image_row_sums", rows, 1e-4);
    }

    private IEnumerable<Tensor> Each(Func<int, Tensor> of) => Enumerable.Range(0, steps).Select(of);

    private void MaybeStrided(string name, Tensor actual)
    {
        if (golden.Has(name))
        {
            golden.Compare(name, golden.Get(name).size(-1) == actual.size(-1) ? actual : DiffusionCase.Strided(actual));
        }
    }

    // Bytes are cut off or rounded from values that differ in the last bits.
    private void Bytes(string name, Tensor actual)
    {
        if (golden.Has(name))
        {
            Tensor difference = golden.Get(name).to(ScalarType.Int64).sub(actual.to(ScalarType.Int64)).abs();
            Assert.True(difference.max().item<long>() <= 1, $"{golden.Name}: {name} differs by {difference.max().item<long>()}");
            Share(name, difference.ne(0));
        }
    }

    private void Share(string name, Tensor moved)
    {
        double share = moved.to(ScalarType.Float64).mean().item<double>();
        Assert.True(share <= BytesMoved, $"{golden.Name}: {share:P2} of {name} differ");
        golden.NotCompared(name, "compared as bytes, some of which may differ by rounding");
    }
}
