using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Text;
using Aperture.Training;
using Aperture.Vision;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Models whose matrices are kept in another format than the checkpoint stores.</summary>
[Collection(WholeProcess.Name)]
public sealed class WeightFormatTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly ModelOptions _eight = new() { Type = "float32", Weights = "int8", Threads = 1 };

    [Theory]
    [InlineData("int8", typeof(Int8Matrix), 0.25)]
    [InlineData("int4", typeof(Int4Matrix), 0.14)]
    public async Task Every_linear_layer_of_a_llava_is_kept_in_the_format(string weights, Type kind, double share)
    {
        await using EngineSession session = small.Open();
        Model model = session.Load(small.Folder, _eight with { Weights = weights }).Model, plain = session.Load(small.Folder).Model;
        VisionBlockWeights block = Assert.IsType<VisionTransformerEncoder>(model.Encoder).Tower.Weights.Blocks[0];

        Matrix[] matrices =
        [
            .. model.Decoder.Weights.Layers.SelectMany(layer => layer.Matrices("")).Select(entry => entry.Matrix),
            model.Decoder.Weights.Head, block.Query!, block.Output, block.Up, block.Down,
            .. Assert.IsType<Projector>(model.Projector).Layers,
        ];

        Assert.Equal((4 * 7) + 7, matrices.Length);
        Assert.All(matrices, matrix => Assert.IsType(kind, matrix));
        Assert.IsType<DenseMatrix>(plain.Decoder.Weights.Head);
        Assert.Empty(model.Unclaimed);
        Assert.Equal(plain.Decoder.Weights.Names("model.", "lm_head").ToHashSet(), [.. model.Decoder.Weights.Names("model.", "lm_head")]);

        // Of four bytes a weight in float32; an output has a scale, and in eight bits a sum, and at least 32 inputs.
        Assert.InRange(model.Decoder.Weights.StreamedBytes / (double)plain.Decoder.Weights.StreamedBytes, share, share + 0.08);
    }

    [Theory]
    [InlineData("int8")]
    [InlineData("int4")]
    public async Task Answers_do_not_depend_on_the_threads(string weights)
    {
        await using EngineSession session = small.Open();
        GenerationOptions options = new() { MaxNewTokens = 6 };
        Image picture = Image.Load(small.Picture);
        List<string> answers = [];
        foreach (int threads in (int[])[1, 2, 4])
        {
            Answer answer = await session.Load(small.Folder, _eight with { Weights = weights, Threads = threads }).Ask(picture, "w7 w8 w9", options);
            answers.Add(answer.Text);
        }

        Assert.NotEqual("", answers[0]);
        Assert.All(answers, answer => Assert.Equal(answers[0], answer));
        TorchSharp.torch.set_num_threads(1);
    }

    [Fact]
    public async Task What_is_no_format_or_needs_another_device_is_refused()
    {
        await using EngineSession session = small.Open();

        ApertureException unknown = Assert.Throws<ApertureException>(() => session.Load(small.Folder, _eight with { Weights = "int7" }));

        Assert.Equal("Weights 'int7' are not known; use auto, stored, int8 or int4.", unknown.Message);
        using ModelOpening opening = new(new TorchSharp.torch.Device(TorchSharp.DeviceType.META)) { Weights = WeightFormat.Int8 };
        ApertureException device = Assert.Throws<ApertureException>(() => opening.Policy(TorchSharp.torch.ScalarType.BFloat16));
        Assert.Contains("int8 work on the CPU", device.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Such_a_model_is_not_trained()
    {
        await using EngineSession session = small.Open();
        Model model = session.Load(small.Folder, _eight).Model;
        TrainingExample example = new("1", small.Picture, [new TrainingMessage("human", "w1"), new TrainingMessage("gpt", "w2")]);

        ApertureException error = Assert.Throws<ApertureException>(() => new TrainingModel(model, [example], small.Root));

        Assert.Contains("leave --weights (Weights) out to train", error.Message, StringComparison.Ordinal);
    }
}
