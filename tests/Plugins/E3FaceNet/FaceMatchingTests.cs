using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Diffusion;
using Aperture.Plugins.E3FaceNet.Text;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Aperture.Plugins.E3FaceNet.Tests;

/// <summary>CLIP's image encoder in training: against the same written out, and what a CLIP without one does.</summary>
public sealed class FaceMatchingTests(TinyFace tiny) : IClassFixture<TinyFace>
{
    private const int Width = 16, Patch = 8, Side = 16, Heads = 2;

    [Fact]
    public void Logits_are_scaled_cosines_of_the_towers_rows_and_reach_the_pictures()
    {
        using DisposeScope scope = NewDisposeScope();
        string folder = WholeClip();
        using FaceMatching matching = FaceMatching.Open(folder, CPU)!;
        Tensor pictures = arange(0, 2 * 3 * 24 * 24, dtype: ScalarType.Float32).view(2, 3, 24, 24).sin().requires_grad_(), pooled = eye(Width).narrow(0, 3, 2);

        Tensor logits = matching.Logits(pictures, pooled, CancellationToken.None);

        Tensor expected = F.normalize(Seen(folder, pictures.detach()), 2, 1).narrow(1, 3, 2).mul(Math.E); // cosines with two axes; logit_scale is 1
        Assert.True(logits.allclose(expected, 1e-4, 1e-5), $"{logits.str()} is not {expected.str()}");
        logits.sum().backward();
        Assert.True(pictures.grad!.abs().sum().item<float>() > 0);
    }

    [Fact]
    public void A_step_tells_CLIPs_loss_where_there_is_an_image_encoder_and_a_wanted_one_that_is_missing_is_one_line()
    {
        IReadOnlyDictionary<string, double> Step(string options)
        {
            using ITaskTraining run = FaceTrainingTests.Begin(tiny, options);
            using DisposeScope scope = NewDisposeScope();
            return run.Step(0, [0, 1], CancellationToken.None).Metrics;
        }

        string clip = JsonSerializer.Serialize(WholeClip());
        Assert.True(double.IsFinite(Step($$"""{"Clip": {{clip}}}""")["clip"]));
        Assert.False(Step($$"""{"Clip": {{clip}}, "ClipWeight": 0}""").ContainsKey("clip"));
        Assert.False(Step("{}").ContainsKey("clip"));
        FaceErrorTests.AssertLine("is CLIP's text encoder alone; name a whole CLIP", () => Step("""{"ClipWeight": 1}"""));
        FaceErrorTests.AssertLine("AdversarialWeight is 0", () => Step("""{"ClipWeight": 1, "AdversarialWeight": 0, "ViewWeight": 1}"""));
    }

    [Fact]
    public void Opening_and_asking_leave_no_tensor() => LiveTensors.MustNotGrow(() =>
    {
        using FaceMatching matching = FaceMatching.Open(WholeClip(), CPU)!;
        using Tensor pictures = zeros(2, 3, 20, 20), pooled = ones(2, Width), logits = matching.Logits(pictures, pooled, CancellationToken.None);
        Assert.Null(FaceMatching.Open(Path.Combine(tiny.Folder, "clip"), CPU));
    });

    // The text encoder's folder with a tower of one block beside it.
    private string WholeClip()
    {
        string text = Path.Combine(tiny.Folder, "clip"), folder = Path.Combine(tiny.Folder, "whole");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(text).Where(file => Path.GetExtension(file) != ".safetensors"))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)), overwrite: true);
        }

        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(text, "config.json")))!.AsObject();
        config["vision_config"] = new JsonObject
        {
            ["hidden_size"] = Width,
            ["intermediate_size"] = 2 * Width,
            ["num_hidden_layers"] = 1,
            ["num_attention_heads"] = Heads,
            ["image_size"] = Side,
            ["patch_size"] = Patch,
            ["hidden_act"] = "quick_gelu",
        };
        File.WriteAllText(Path.Combine(folder, "config.json"), config.ToJsonString());
        using DisposeScope scope = NewDisposeScope();
        using TorchRandom random = new(11);
        Dictionary<string, Tensor> tensors = new()
        {
            ["visual_projection.weight"] = random.Normal(Width, Width),
            ["logit_scale"] = ones([]),
            ["vision_model.embeddings.class_embedding"] = random.Normal(Width),
            ["vision_model.embeddings.patch_embedding.weight"] = random.Normal(Width, 3, Patch, Patch),
            ["vision_model.embeddings.position_embedding.weight"] = random.Normal((Side / Patch * (Side / Patch)) + 1, Width),
        };
        void Layer(string name, long outputs, long? inputs)
        {
            tensors[name + ".weight"] = inputs is { } columns ? random.Normal(outputs, columns).mul(0.3) : random.Normal(outputs);
            tensors[name + ".bias"] = random.Normal(outputs);
        }

        const string Block = "vision_model.encoder.layers.0.";
        foreach (string norm in new[] { "vision_model.pre_layrnorm", "vision_model.post_layernorm", Block + "layer_norm1", Block + "layer_norm2" })
        {
            Layer(norm, Width, null);
        }

        foreach (string projection in new[] { "q_proj", "k_proj", "v_proj", "out_proj" })
        {
            Layer($"{Block}self_attn.{projection}", Width, Width);
        }

        Layer(Block + "mlp.fc1", 2 * Width, Width);
        Layer(Block + "mlp.fc2", Width, 2 * Width);
        using (IWeightSource source = WeightFiles.Open(text))
        {
            foreach (string name in source.Names)
            {
                tensors[name] = source.LoadCopy(name);
            }
        }

        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
        return folder;
    }

    // The tower written out, on its stored tensors.
    private static Tensor Seen(string folder, Tensor pictures)
    {
        using IWeightSource source = WeightFiles.Open(folder);
        Tensor W(string name) => source.LoadCopy("vision_model." + name);
        Tensor Norm(Tensor x, string name) => F.layer_norm(x, [Width], W(name + ".weight"), W(name + ".bias"), 1e-5);
        Tensor Linear(Tensor x, string name) => F.linear(x, W(name + ".weight"), W(name + ".bias"));
        Tensor Split(Tensor x) => x.unflatten(2, [Heads, Width / Heads]).transpose(1, 2);
        Tensor mean = tensor(new[] { 0.48145466f, 0.4578275f, 0.40821073f }, [1, 3, 1, 1]);
        Tensor deviation = tensor(new[] { 0.26862954f, 0.26130258f, 0.27577711f }, [1, 3, 1, 1]);
        Tensor input = F.interpolate(pictures, [Side, Side], mode: InterpolationMode.Bilinear, align_corners: false).sub(mean).div(deviation);
        Tensor patches = F.conv2d(input, W("embeddings.patch_embedding.weight"), null, strides: [Patch, Patch]).flatten(2).transpose(1, 2);
        Tensor x = cat([W("embeddings.class_embedding").view(1, 1, -1).expand(2, -1, -1), patches], 1).add(W("embeddings.position_embedding.weight"));
        x = Norm(x, "pre_layrnorm");
        const string Block = "encoder.layers.0.";
        Tensor normed = Norm(x, Block + "layer_norm1");
        Tensor q = Split(Linear(normed, Block + "self_attn.q_proj")), k = Split(Linear(normed, Block + "self_attn.k_proj"));
        Tensor weights = q.matmul(k.transpose(2, 3)).div(Math.Sqrt(Width / Heads)).softmax(-1);
        Tensor attended = weights.matmul(Split(Linear(normed, Block + "self_attn.v_proj"))).transpose(1, 2).flatten(2);
        x = x.add(Linear(attended, Block + "self_attn.out_proj"));
        Tensor up = Linear(Norm(x, Block + "layer_norm2"), Block + "mlp.fc1");
        x = x.add(Linear(up.mul(up.mul(1.702).sigmoid()), Block + "mlp.fc2"));
        return F.linear(Norm(x.select(1, 0), "post_layernorm"), source.LoadCopy("visual_projection.weight"));
    }
}
