using System.Text.RegularExpressions;
using Aperture.Models;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Plugins.LlavaHr.Tests;

/// <summary>A checkpoint of the first stage holds projector and last step; the rest is what it was trained on.</summary>
public sealed partial class FirstStageTests : IDisposable
{
    private const string Fast = "model.vision_tower.fast_vision_tower.vision_tower.", Slow = "model.vision_tower.slow_vision_tower.vision_tower.";
    private const string ConvNext = "convnext_large_mlp.clip_laion2b_soup_ft_in12k_in1k_320";

    private readonly TinyHr _tiny = new();

    public void Dispose() => _tiny.Dispose();

    [Fact]
    public void It_opens_over_language_model_and_towers_beside_it()
    {
        string folder = First();
        _tiny.WritePart("vicuna", name => name.StartsWith("model.vision", StringComparison.Ordinal) || name.Contains("router", StringComparison.Ordinal)
            || name.Contains("mm_projector", StringComparison.Ordinal) ? null : name);
        _tiny.WritePart("clip-vit-large-patch14-336", name => Under(name, Fast));
        _tiny.WritePart(ConvNext, name => Under(name, Slow) is { } own ? Scale().Replace(own, "$1.gamma") : null);
        using OpenedModel whole = new(_tiny.Folder, EncoderTests.Options("EnableAdapters=false")), first = new(folder);

        Assert.Empty(first.Model.Unclaimed);
        using VisionFeatures expected = Encode(whole.Model), actual = Encode(first.Model);
        Assert.Equal(expected.Tokens.data<float>().ToArray(), actual.Tokens.data<float>().ToArray());
        Assert.Equal(["high-resolution tower", "low-resolution tower", "align"], actual.Stages.Select(stage => stage.Name));
    }

    [Fact]
    public void What_it_was_trained_on_is_named_where_it_is_missing()
    {
        string folder = First();

        ApertureException error = Assert.Throws<ApertureException>(() => new OpenedModel(folder).Dispose());

        Assert.Contains("a projector trained on 'lmsys/vicuna', which is neither in nor beside the folder", error.Message, StringComparison.Ordinal);
    }

    private static string? Under(string name, string prefix) => name.StartsWith(prefix, StringComparison.Ordinal) ? name[prefix.Length..] : null;

    private static VisionFeatures Encode(Model model)
    {
        using IDisposable quiet = no_grad();
        byte[] pixels = new byte[80 * 80 * 3];
        new Random(2).NextBytes(pixels);
        using VisionInput input = model.Encoder.Prepare(pixels, 80, 80);
        return model.Encoder.Encode([input], VisionRequest.Plain, CancellationToken.None)[0];
    }

    private string First()
    {
        string folder = _tiny.Write(
            "pretrain",
            config =>
            {
                config["freeze_vision"] = true;
                config["_name_or_path"] = "lmsys/vicuna";
            },
            _ => false);
        _tiny.WritePart(
            "pretrain", name
                => name.Contains("mm_projector", StringComparison.Ordinal) || name.Contains("align_stages.0", StringComparison.Ordinal) ? name : null);
        return folder;
    }

    // A block's scale, under its first name.
    [GeneratedRegex(@"^(stages\.\d+\.blocks\.\d+)\.weight$")]
    private static partial Regex Scale();
}
