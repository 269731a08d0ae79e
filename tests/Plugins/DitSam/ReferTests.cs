using System.Text;
using Aperture.Images;
using Aperture.Plugins.DitSam.Refer;
using Aperture.Vision;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>RefCOCO's files, masks in NumPy's format, and scores.</summary>
public sealed class ReferTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-refer-").FullName;
    private readonly string _annotations;

    public ReferTests()
    {
        _annotations = Path.Combine(_folder, "refcoco.json");
        File.WriteAllText(
            _annotations,
            """
            {"train": [], "val": [{"iid": 581857, "bbox": [1, 2, 3, 4], "cat_id": 1, "refs": ["the lady", "left one"], "mask_id": 7}],
             "testA": [{"iid": 9, "bbox": [1, 2, 3, 4], "cat_id": 1, "refs": ["a"], "mask_id": 7}]}
            """);
        Image.Filled(4, 3, 1, 2, 3).SavePng(Path.Combine(_folder, "COCO_train2014_000000581857.jpg"));
        WriteNumpy("7.npy", "|u1", "(3, 4)", false, [0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0]);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_split_is_read()
    {
        ReferredThing thing = Assert.Single(RefCoco.Read(_annotations, _folder, _folder, "train+val"));

        Assert.Equal(["the lady", "left one"], thing.Sentences);
        Assert.Equal(7, thing.Id);
        Image mask = MaskFiles.Load(thing.Mask);
        Assert.Equal([0, 255, 255, 0, 0, 255, 255, 0, 0, 0, 0, 0], mask.Pixels.ToArray());
    }

    [Fact]
    public void Masks_stored_by_columns_and_truth_values_are_read()
    {
        WriteNumpy("columns.npy", "|b1", "(2, 3)", true, [1, 0, 0, 1, 1, 0]);

        Assert.Equal([255, 0, 255, 0, 255, 0], MaskFiles.Load(Path.Combine(_folder, "columns.npy")).Pixels.ToArray());
    }

    [Theory]
    [InlineData("testA", "annotation 7 names the picture", "COCO_train2014_000000000009.jpg', which does not exist")]
    [InlineData("testC", "has no split 'testC'", "train, val, testA")]
    public void Annotations_that_do_not_serve_are_one_line(string split, string first, string second)
    {
        string message = Assert.Throws<ApertureException>(() => RefCoco.Read(_annotations, _folder, _folder, split)).Message;

        Assert.Contains(first, message);
        Assert.Contains(second, message);
    }

    [Theory]
    [InlineData("""{"val": [{"iid": "x", "refs": ["a"], "mask_id": 7}]}""")]
    [InlineData("""{"val": [{"iid": 581857, "refs": [], "mask_id": 7}]}""")]
    [InlineData("""{"val": [{"iid": 581857, "mask_id": 7}]}""")]
    [InlineData("""{"val": 3}""")]
    [InlineData("[")]
    public void Damaged_annotations_are_one_line(string json)
    {
        File.WriteAllText(_annotations, json);

        string message = Assert.Throws<ApertureException>(() => RefCoco.Read(_annotations, _folder, _folder, "val")).Message;

        Assert.Contains("is no annotation file of RefCOCO", message);
        Assert.DoesNotContain('\n', message);
    }

    [Theory]
    [InlineData("<f4", "(3, 4)", 48, "no plane of bytes")]
    [InlineData("|u1", "(3, 4)", 11, "which do not fit into it")]
    [InlineData("|u1", "(99999, 99999)", 12, "which do not fit into it")]
    [InlineData("|u1", "(3, 4, 1)", 12, "no plane of bytes")]
    [InlineData("|O", "(3, 4)", 12, "holds Python objects")]
    public void Damaged_masks_are_one_line(string type, string shape, int bytes, string expected)
    {
        WriteNumpy("bad.npy", type, shape, false, new byte[bytes]);

        string message = Assert.Throws<ApertureException>(() => MaskFiles.Load(Path.Combine(_folder, "bad.npy"))).Message;

        Assert.Contains(expected, message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void Scores_count_as_the_published_evaluation_does()
    {
        ReferScores scores = new();
        Image real = MaskFiles.Load(Path.Combine(_folder, "7.npy"));
        scores.Add(new MaskImage(new float[] { 0, 1, 1, 0, 0, 1, 1e-9f, 0, 0, 0, 0, 0 }, 4, 3, 0), real);
        (long both, long any, double iou) = scores.Add(new MaskImage(new float[] { 0, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0 }, 4, 3, 0), real);

        Assert.Equal((2L, 5L, 0.4), (both, any, Math.Round(iou, 6)));
        Assert.Equal(70, scores.MeanIoU, 6);
        Assert.Equal(100.0 * 6 / 9, scores.OverallIoU, 6);
        Assert.Equal(50, scores.Precision(0.5));
        Assert.Equal(0.7000000000000002, ReferScores.Thresholds[4]);
        Assert.Contains("cannot be scored", Assert.Throws<ApertureException>(() => scores.Add(new MaskImage(new float[2], 2, 1, 0), real)).Message);
    }

    private void WriteNumpy(string name, string type, string shape, bool byColumns, byte[] values)
    {
        string header = $"{{'descr': '{type}', 'fortran_order': {(byColumns ? "True" : "False")}, 'shape': {shape}, }}\n";
        using FileStream file = File.Create(Path.Combine(_folder, name));
        file.Write([0x93, (byte)'N', (byte)'U', (byte)'M', (byte)'P', (byte)'Y', 1, 0, (byte)header.Length, 0]);
        file.Write(Encoding.Latin1.GetBytes(header));
        file.Write(values);
    }
}
