using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.FlashSloth.Tests;

/// <summary>What cannot be opened or asked is one line.</summary>
public sealed class RefusalTests
{
    private readonly Image _picture = Image.Filled(40, 30, 200, 40, 90);

    [Theory]
    [InlineData("model.pooling.", "has no model.pooling.mlp.0.weight, so it is no FlashSloth")]
    [InlineData("model.lqformer.", "has no model.lqformer.up_projector.weight, so it is no FlashSloth")]
    [InlineData("model.learnable_tokens.", "has no model.learnable_tokens.token, the learned queries of every FlashSloth")]
    [InlineData("model.vision_tower.", "holds no vision tower")]
    public async Task Missing_weights_are_named(string prefix, string message)
    {
        using TinyFlashSloth tiny = Rewritten((name, tensor) => name.StartsWith(prefix, StringComparison.Ordinal) ? null : tensor);
        await using EngineSession session = TinyFlashSloth.Open();

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => session.Load(tiny.Folder).Ask(_picture, "How many?"));

        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Queries_of_another_width_are_refused()
    {
        using TinyFlashSloth tiny = Rewritten((name, tensor) => name == "model.learnable_tokens.token" ? zeros(9, 41, dtype: tensor.dtype) : tensor);
        await using EngineSession session = TinyFlashSloth.Open();

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => session.Load(tiny.Folder).Ask(_picture, "How many?"));

        Assert.Contains("has shape [9, 41] but the decoder's rows are 40 wide", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tower_of_unknown_size_and_a_base_token_outside_the_vocabulary_are_told()
    {
        using TinyFlashSloth unknown = new(config => config.Remove("vision_config")), token = new(config => config.Remove("query_base_token"));
        await using EngineSession session = TinyFlashSloth.Open();

        Assert.Contains("put its sizes into config.json as vision_config", Message(() => session.Load(unknown.Folder)), StringComparison.Ordinal);
        Assert.Contains("The base token 764 of the queries is not among the 320", Message(() => session.Load(token.Folder)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Conversations_that_it_was_not_trained_for_are_refused()
    {
        using TinyFlashSloth tiny = new();
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(tiny.Folder);

        ApertureException two = await Assert.ThrowsAsync<ApertureException>(() => pipeline.Ask([_picture, _picture], "Which?"));
        ApertureException own = await Assert.ThrowsAsync<ApertureException>(() => pipeline.Ask(_picture, "What is <learnable>?"));
        ApertureException layer = await Assert.ThrowsAsync<ApertureException>(
            () => pipeline.With("flashsloth", new { InjectLayer = 10 }).Ask(_picture, "Which?"));

        Assert.Contains("looks at one picture", two.Message, StringComparison.Ordinal);
        Assert.Contains("contains <learnable>", own.Message, StringComparison.Ordinal);
        Assert.Contains("InjectLayer is 10", layer.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pictures_of_another_size_do_not_enter_the_tower()
    {
        using TinyFlashSloth tiny = new();
        await using EngineSession session = TinyFlashSloth.Open();
        Pipeline pipeline = session.Load(tiny.Folder);
        using VisionInput small = new(new Dictionary<string, Tensor> { ["pixels"] = zeros(5, 3, 120, 132) }, 40, 30);
        using VisionInput one = new(new Dictionary<string, Tensor> { ["pixels"] = zeros(1, 3, 132, 132) }, 40, 30);

        foreach (VisionInput input in new[] { small, one })
        {
            string message = Message(() => pipeline.Model.Encoder.Encode([input], VisionRequest.Plain, CancellationToken.None));
            Assert.StartsWith("The vision tower takes 5 tile(s) of 132x132 pixels, not [", message, StringComparison.Ordinal);
        }
    }

    private static string Message(Action action) => Assert.Throws<ApertureException>(action).Message;

    // The tiny checkpoint with tensors changed or left out, in one file.
    private static TinyFlashSloth Rewritten(Func<string, Tensor, Tensor?> change)
    {
        TinyFlashSloth tiny = new();
        Dictionary<string, Tensor> tensors = [];
        using (IWeightSource source = WeightFiles.Open(tiny.Folder))
        {
            foreach (string name in source.Names)
            {
                if (change(name, source.LoadCopy(name)) is { } kept)
                {
                    tensors[name] = kept;
                }
            }
        }

        foreach (string file in Directory.EnumerateFiles(tiny.Folder, "model*safetensors*"))
        {
            File.SetAttributes(file, FileAttributes.Normal);
            File.Delete(file);
        }

        SafetensorsWriter.Save(Path.Combine(tiny.Folder, "model.safetensors"), tensors);
        return tiny;
    }
}
