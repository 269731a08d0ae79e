using Aperture.Images;
using TorchSharp;

namespace Aperture.Abstractions.Tests.Images;

// The count of live tensors is one for the process, so nothing else may run at the same time.
[CollectionDefinition(nameof(ImageTensorTests), DisableParallelization = true)]
[Collection(nameof(ImageTensorTests))]
public sealed class ImageTensorTests
{
    [Fact]
    public void ToTensor_gives_rows_columns_channels()
    {
        using torch.Tensor rgb = Image.FromRgb([1, 2, 3, 4, 5, 6], 2, 1).ToTensor();
        using torch.Tensor grey = Image.FromPixels(ImageMode.L, [7, 8], 1, 2).ToTensor();
        using torch.Tensor real = Image.FromPixels([0.25f], 1, 1).ToTensor();

        Assert.Equal([1, 2, 3], rgb.shape);
        Assert.Equal([1, 2, 3, 4, 5, 6], rgb.data<byte>().ToArray());
        Assert.Equal([2, 1], grey.shape);
        Assert.Equal((torch.ScalarType.Byte, torch.ScalarType.Float32), (grey.dtype, real.dtype));
    }

    [Fact]
    public void A_batch_is_its_images_stacked()
    {
        ClipImageProcessor processor = new(new ClipImageProcessorConfig { ShortestEdge = 28, CropHeight = 28, CropWidth = 28 });
        Image[] images = Enumerable.Range(0, 3).Select(i => PilResizeTests.Noise(ImageMode.RGB, 30 + i, 40, seed: i)).ToArray();

        using torch.Tensor batch = processor.Process(images);
        using torch.Tensor second = processor.Process(images[1]);
        using torch.Tensor row = batch[1];

        Assert.Equal([3, 3, 28, 28], batch.shape);
        Assert.Equal(second.data<float>().ToArray(), row.data<float>().ToArray());
    }

    [Fact]
    public void Processing_leaves_no_tensor_behind_but_the_result()
    {
        ClipImageProcessor processor = new(new ClipImageProcessorConfig());
        ClipImageProcessor plain = new(new ClipImageProcessorConfig { DoResize = false, DoCenterCrop = false });
        Image[] images = new[] { Image.Filled(9, 7, 1, 2, 3), Image.Filled(4, 7, 1, 2, 3) };
        long before = LiveTensors.Settled();

        processor.Process(images).Dispose();
        processor.Process(images[0]).Dispose();
        images[0].ToTensor().Dispose();
        Assert.Throws<ApertureException>(() => plain.Process(images));

        Assert.Equal(before, torch.Tensor.TotalCount);
    }
}
