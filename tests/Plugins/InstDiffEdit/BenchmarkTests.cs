using Aperture.Plugins.InstDiffEdit.Benchmark;
using Aperture.Vision;

namespace Aperture.Plugins.InstDiffEdit.Tests;

public sealed class BenchmarkTests
{
    [Fact]
    public void Lines_name_pictures_by_what_their_id_is()
    {
        EditSample imagen = EditList.Parse("0a1b <> A photo of a raccoon <> a raccoon <> a red panda")!;
        EditSample imageNet = EditList.Parse("ILSVRC2012_val_00012345.JPEG <> tabby cat <> red dog")!;
        Assert.Equal(("0a1b.jpg", "a red panda"), (imagen.Picture, imagen.Prompt));
        Assert.Equal(("12345", "ILSVRC2012_val_00012345.JPEG", "a red dog"), (imageNet.Id, imageNet.Picture, imageNet.Prompt));
        Assert.Null(EditList.Parse("two <> fields"));
    }

    [Fact]
    public void A_broken_list_is_told_by_its_line()
    {
        string list = Path.GetTempFileName();
        try
        {
            File.WriteAllLines(list, ["a <> b <> c <> d", "nothing"]);
            Assert.Contains("line 2: neither three nor four fields", Assert.Throws<ApertureException>(() => EditList.Read(list)).Message);
        }
        finally
        {
            File.Delete(list);
        }

        Assert.Contains("There is no list", Assert.Throws<ApertureException>(() => EditList.Read(list)).Message);
    }

    [Fact]
    public void Change_is_counted_inside_and_outside_the_right_mask()
    {
        Picture before = new(new byte[2 * 2 * 3], 2, 2);
        Picture after = new(new byte[] { 10, 20, 30, 0, 0, 0, 3, 0, 0, 0, 0, 0 }, 2, 2);
        MaskImage right = new(new byte[] { 255, 255, 0, 0 }, 2, 2), found = new(new byte[] { 255, 0, 255, 0 }, 2, 2);

        EditMetrics metrics = EditMetrics.Of(before, after, found, right);

        Assert.Equal((1.0 / 3, 10.0, 0.5), (metrics.IoU!.Value, metrics.Inside, metrics.Outside));
    }

    [Fact]
    public void Without_a_right_mask_there_is_no_overlap_and_change_is_that_of_the_mask_that_was_found()
    {
        Picture before = new(new byte[2 * 2 * 3], 2, 2);
        Picture after = new(new byte[] { 10, 20, 30, 0, 0, 0, 3, 0, 0, 0, 0, 0 }, 2, 2);

        EditMetrics metrics = EditMetrics.Of(before, after, new MaskImage(new byte[] { 255, 0, 255, 0 }, 2, 2), right: null);

        Assert.Null(metrics.IoU);
        Assert.Equal((10.5, 0.0), (metrics.Inside, metrics.Outside));
    }
}
