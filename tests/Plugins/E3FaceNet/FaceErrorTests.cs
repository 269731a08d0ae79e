using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Tests;

public sealed class FaceErrorTests(TinyFace tiny) : IClassFixture<TinyFace>
{
    public static TheoryData<FaceRequest, string> Requests => new()
    {
        { TinyFace.Request with { Text = "" }, "Text has no words; write a sentence such as" },
        { TinyFace.Request with { Text = " \n " }, "Text has no words" },
        { TinyFace.Request with { Text = new string('x', 11) }, "Text has 11 tokens, the text encoder takes 10; shorten 'xxxxxxxxxxx…'." },
        { TinyFace.Request with { EditText = "" }, "EditText has no words" },
        { TinyFace.Request with { EditText = new string('y', 40) }, "EditText has 40 tokens, the text encoder takes 10" },
        { TinyFace.Request with { EditAlpha = 0.5 }, "EditAlpha is 0.5 but there is no EditText" },
        { TinyFace.Request with { EditText = "old", EditAlpha = 1.2 }, "EditAlpha is 1.2; give 0 (the edit's sentence alone) to 1 (the original's), or set" },
        { TinyFace.Request with { EditText = "old", EditAlpha = -0.1 }, "EditAlpha is -0.1; give 0" },
        { TinyFace.Request with { EditText = "old", EditAlpha = double.NaN }, "EditAlpha is NaN; give 0" },
        { TinyFace.Request with { Views = [] }, "Views is empty; give at least one view point." },
        { TinyFace.Request with { Views = [new ViewPoint(4, 0)] }, "Yaw is 4; give radians from -3.1416 to 3.1416." },
        { TinyFace.Request with { Views = [ViewPoint.Front, new ViewPoint(0, 1.5)] }, "Pitch is 1.5; give radians from -1.4 to 1.4." },
        { TinyFace.Request with { Views = [new ViewPoint(0, 0, -4)] }, "Roll is -4; give radians from -3.1416 to 3.1416." },
        { TinyFace.Request with { Views = [new ViewPoint(double.NaN, 0)] }, "Yaw is NaN; give radians" },
        { TinyFace.Request with { Truncation = 1.6 }, "Truncation is 1.6; give 0 (the mean face) to 1.5." },
        { TinyFace.Request with { Truncation = double.NaN }, "Truncation is NaN" },
        { TinyFace.Request with { Seed = -1 }, "Seed is -1; give 0 to 4294967295." },
        { TinyFace.Request with { Seed = 1L << 32 }, "Seed is 4294967296; give 0 to 4294967295." },
    };

    [Theory]
    [MemberData(nameof(Requests))]
    public void A_request_that_makes_no_sense_is_one_line(FaceRequest request, string message)
    {
        using FaceGenerator generator = tiny.Open();
        AssertLine(message, () => generator.Generate(request, TaskRun.Plain));
    }

    [Fact]
    public void Weights_in_few_bits_are_refused_because_styles_make_them_anew()
        => AssertLine("Weights is int8, but a generator's weights are made anew by the styles", () => tiny.Open(new { Weights = "int8" }).Dispose());

    [Fact]
    public void Extrapolation_is_allowed_where_asked()
    {
        using FaceGenerator generator = tiny.Open(new { Extrapolate = true });
        FaceRequest request = TinyFace.Request with { EditText = "old", EditAlpha = 1.5, Views = [ViewPoint.Front] };

        Assert.NotNull(generator.Generate(request, TaskRun.Plain)[0].Edited);
        AssertLine("EditAlpha is Infinity", () => generator.Generate(request with { EditAlpha = double.PositiveInfinity }, TaskRun.Plain));
    }

    [Fact]
    public void An_edit_that_could_change_nothing_is_one_line()
    {
        FaceRequest request = TinyFace.Request with { EditText = "old" };
        using FaceGenerator depth = tiny.Open(new { Render = "depth" }), off = tiny.Open(new { EnhancerStrength = 0 });

        AssertLine("Render is depth, which an edit does not change", () => depth.Generate(request, TaskRun.Plain));
        AssertLine("EnhancerStrength is 0, which leaves sentences out", () => off.Generate(request, TaskRun.Plain));
    }

    [Fact]
    public void Options_and_files_that_do_not_fit_are_one_line_and_leave_no_tensor() => LiveTensors.MustNotGrow(() =>
    {
        AssertLine("Render is movie; it can be", () => tiny.Open(new { Render = "movie" }).Dispose());
        AssertLine("RaySamples is 3, but placing samples", () => tiny.Open(new { RaySamples = 3 }).Dispose());
        AssertLine("There is no file 'nowhere'.", () => tiny.Open(new { Clip = "nowhere" }).Dispose());
        AssertLine(
            "holds no face generator: it lacks synthesis.fg_nerf.fc_in.weight",
            () => tiny.Open(checkpoint: Path.Combine(tiny.Folder, "discriminator.safetensors")).Dispose());
    });

    [Fact]
    public void A_generator_without_text_opens_where_that_is_wanted()
    {
        string path = Changed("plain.safetensors", tensors =>
        {
            foreach (string name in tensors.Keys.Where(name => name.Contains("embed") || name.Contains("_attn.") || name.Contains("_offset.")).ToList())
            {
                tensors.Remove(name);
            }
        });

        AssertLine("has no text part", () => tiny.Open(checkpoint: path).Dispose());
        using FaceGenerator generator = tiny.Open(new { IgnoreText = true }, path);
        Assert.Contains("without text", generator.Summary);
        Assert.Equal(3, generator.Generate(TinyFace.Request, TaskRun.Plain).Count);
        AssertLine("this generator has no text part", () => generator.Generate(TinyFace.Request with { EditText = "old" }, TaskRun.Plain));
    }

    [Fact]
    public void Another_filter_is_refused_and_what_is_not_used_is_told()
    {
        string wrong = Changed("filter.safetensors", tensors => tensors["synthesis.b16.conv0.resample_filter"] = ones(4, 4));
        string more = Changed("more.safetensors", tensors => tensors["synthesis.b16.conv0.noise_const"] = ones(16, 16));

        AssertLine("synthesis.b16.conv0.resample_filter is another filter than 1, 3, 3, 1", () => tiny.Open(checkpoint: wrong).Dispose());
        using FaceGenerator generator = tiny.Open(checkpoint: more);
        Assert.EndsWith("1 tensors are not used, such as synthesis.b16.conv0.noise_const.", generator.Summary);
    }

    [Fact]
    public void Blocks_that_enlarge_in_another_way_are_refused()
    {
        string path = Changed("cat.safetensors", tensors => tensors["synthesis.b16.conv0.adapter.0.weight"] = ones(2, 16, 1, 1));

        AssertLine("block b16 does not enlarge by pixel shuffle", () => tiny.Open(checkpoint: path).Dispose());
    }

    private string Changed(string name, Action<Dictionary<string, Tensor>> change)
    {
        using DisposeScope scope = NewDisposeScope();
        using IWeightSource source = WeightFiles.Open(tiny.Checkpoint);
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(tensor => tensor, source.Load);
        change(tensors);
        return tiny.Save(name, tensors);
    }

    internal static void AssertLine(string expected, Action action)
    {
        string message = Assert.Throws<ApertureException>(action).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }
}
