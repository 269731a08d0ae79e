using Aperture.Images;
using Aperture.Scripting;
using TorchSharp;

namespace Aperture.Scripting.Tests.Sessions;

public class ValueFormatterTests
{
    private readonly ValueFormatter _formatter = new();

    [Fact]
    public void Tensors_show_shape_type_device_statistics_and_values()
    {
        using torch.Tensor tensor = torch.tensor(new float[,] { { 1, 2 }, { 3, 6 } });
        Assert.Equal(
            "Tensor [2, 2] float32 cpu, 16 B\n  min 1  max 6  mean 3  std 1.871\n  [1, 2]\n  [3, 6]",
            _formatter.Format(tensor).Text);
        Assert.Equal("[Tensor [2, 2] float32 cpu, 16 B]", _formatter.Format(new[] { tensor }).Text);
    }

    [Fact]
    public void Large_tensors_are_cut_and_count_what_is_not_finite()
    {
        using torch.Tensor tensor = torch.zeros(2, 20, 30);
        tensor[0, 0, 0] = float.NaN;
        tensor[1, 0, 0] = float.PositiveInfinity;
        string[] lines = _formatter.Format(tensor).Text.Split('\n');
        Assert.Equal("Tensor [2, 20, 30] float32 cpu, 4.7 KB", lines[0]);
        Assert.Equal("  min 0  max 0  mean 0  std 0", lines[1]);
        Assert.Equal("  1 NaN, 1 infinite of 1200", lines[2]);
        Assert.Equal("  [NaN, 0, 0, 0, 0, 0, 0, 0, …]", lines[3]);
        Assert.Equal("  …", lines[^1]);
        Assert.Equal(12, lines.Length);
    }

    [Fact]
    public void Scalars_disposed_and_odd_tensors_read_well()
    {
        using torch.Tensor scalar = torch.tensor(2.5), flags = torch.tensor(
            new[] { true, false }), none = torch.zeros(0, 3), ints = torch.tensor(new long[] { 1, 3 });
        torch.Tensor disposed = torch.zeros(1);
        disposed.Dispose();
        Assert.Equal("Tensor [] float64 cpu = 2.5", _formatter.Format(scalar).Text);
        Assert.Equal("Tensor [2] bool cpu, 2 B\n  [true, false]", _formatter.Format(flags).Text);
        Assert.Equal("Tensor [0, 3] float32 cpu", _formatter.Format(none).Text);
        Assert.Equal("Tensor [2] int64 cpu, 16 B\n  min 1  max 3  mean 2  std 1\n  [1, 3]", _formatter.Format(ints).Text);
        Assert.Equal("Tensor (disposed)", _formatter.Format(disposed).Text);
    }

    [Fact]
    public void Pictures_come_as_png()
    {
        DisplayForm form = _formatter.Format(Image.FromRgb(new byte[2 * 3 * 3], 2, 3));
        Assert.Equal("Image 2x3 RGB", form.Text);
        Assert.Equal((2, 3), (Image.Decode(form.Png).Width, Image.Decode(form.Png).Height));
        Assert.Null(form.Html);
    }

    [Fact]
    public void Pictures_of_ImageSharp_are_pictures_too()
    {
        using SixLabors.ImageSharp.Image<SixLabors.ImageSharp.PixelFormats.Rgba32> picture = new(4, 3);
        DisplayForm form = _formatter.Format(picture);
        Assert.Equal("Image 4x3 of ImageSharp", form.Text);
        Assert.Equal((4, 3), (form.Picture!.Width, form.Picture.Height));
    }

    [Fact]
    public void Lists_of_records_become_tables_and_their_html_is_escaped()
    {
        DisplayForm form = _formatter.Format(new[] { new Row("<b>", 1), new Row("c", 2) });
        Assert.Equal(["Name", "Count"], form.Table!.Heads);
        Assert.Equal(
            "<table><thead><tr><th>Name</th><th>Count</th></tr></thead>"
            + "<tbody><tr><td>&lt;b&gt;</td><td>1</td></tr><tr><td>c</td><td>2</td></tr></tbody></table>", form.Html);
        Assert.Null(_formatter.Format(new[] { 1, 2 }).Table);
        Assert.Null(_formatter.Format(new[] { "a", "b" }).Table);
    }

    [Fact]
    public void Lazy_sequences_of_records_become_tables_and_are_read_once_and_no_further_than_shown()
    {
        int read = 0;
        IEnumerable<Row> endless = Enumerable.Range(0, int.MaxValue).Select(i => new Row($"r{read++}", i));
        DisplayForm form = _formatter.Format(endless);
        Assert.Equal(50, form.Table!.Rows.Count);
        Assert.Equal(["r49", "49"], form.Table.Rows[^1]);
        Assert.Equal("… more", form.Table.Caption);
        Assert.EndsWith("r49      49\n… more", form.Text);
        Assert.Equal(51, read);

        Assert.Equal("Name  Count\n────  ─────\na         1", _formatter.Format(new[] { new Row("a", 1) }.Where(row => row.Count > 0)).Text);
        Assert.Equal(2, _formatter.Format(new HashSet<Row> { new("a", 1), new("b", 2) }).Table!.Rows.Count);
        Assert.Equal("… 10 more", _formatter.Format(Enumerable.Range(0, 60).Select(i => new Row("a", i)).ToHashSet()).Table!.Caption);
        Assert.Equal("[0, 2, 4]", _formatter.Format(Enumerable.Range(0, 3).Select(i => 2 * i)).Text);
        Assert.Null(_formatter.Format(Enumerable.Range(0, 3).Select(i => 2 * i)).Table);
        Assert.Null(_formatter.Format(Enumerable.Empty<Row>().Where(_ => true)).Table);
        Assert.Null(_formatter.Format(new object[] { new Row("a", 1), "b" }.Where(_ => true)).Table);
    }

    [Fact]
    public void A_rule_teaches_a_type()
    {
        _formatter.Add<Row>(row => new DisplayForm($"row {row.Name}"));
        Assert.Equal("row a", _formatter.Format(new Row("a", 1)).Text);
        Assert.Equal("[row a]", _formatter.Format(new[] { new Row("a", 1) }).Text);
    }

    private sealed record Row(string Name, int Count);
}
