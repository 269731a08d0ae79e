// Random weights of E3-FaceNet's generator in the published layout, and a CLIP text encoder to go with them; loaded by other scripts.
using System.Text.Json;
using Aperture.Weights;
using static TorchSharp.torch;

// Sizes: noise, styles and sentences of one width; the defaults are the published ones.
record FaceSizes(
    int Picture = 512, int Volume = 32, int Width = 512, int Channels = 512, int Features = 64, int Face = 128, int Behind = 64, int Attention = 512,
    int Mapping = 8, int FaceLayers = 8, int BehindLayers = 4, int Octaves = 10, int BehindNoise = 32);

Dictionary<string, Tensor> RandomFace(FaceSizes sizes)
{
    Dictionary<string, Tensor> tensors = new() { ["synthesis.alpha"] = tensor(1f), ["mapping.w_avg"] = zeros(sizes.Width) };
    void Normal(string name, double scale, double bias, params long[] shape)
        => (tensors[name + ".weight"], tensors[name + ".bias"]) = (randn(shape).mul_(scale), full(shape[0], bias, dtype: ScalarType.Float32));
    void Plain(string name, bool bias, params long[] shape)
    {
        tensors[name + ".weight"] = randn(shape).mul_(1 / Math.Sqrt(shape[1..].Aggregate(1L, (a, b) => a * b)));
        if (bias)
        {
            tensors[name + ".bias"] = zeros(shape[0]);
        }
    }

    void Modulated(string name, int outputs, int inputs)
    {
        Normal(name, 1, 0, outputs, inputs, 1, 1);
        Normal(name + ".affine", 1, 1, inputs, sizes.Width);
    }

    Normal("mapping.embed", 1, 0, sizes.Width, sizes.Width);
    for (int layer = 0; layer < sizes.Mapping; layer++)
    {
        Normal($"mapping.fc{layer}", 100, 0, sizes.Width, sizes.Width);
    }

    const string face = "synthesis.fg_nerf.", behind = "synthesis.bg_nerf.";
    Modulated(face + "fc_in", sizes.Face, 6 * sizes.Octaves);
    for (int layer = 0; layer < sizes.FaceLayers - 1; layer++)
    {
        Modulated($"{face}blocks.{layer}", sizes.Face, sizes.Face);
    }

    Modulated(face + "sigma_out", 1, sizes.Face);
    tensors[face + "sigma_out.bias"].fill_(20);
    Modulated(face + "feat_out", sizes.Features, sizes.Face);
    Normal(face + "to_rgb", 1, 0, 3, sizes.Features, 1, 1);
    Plain(behind + "fc_in", true, sizes.Behind, (8 * sizes.Octaves) + sizes.BehindNoise);
    for (int layer = 0; layer < sizes.BehindLayers - 1; layer++)
    {
        Plain($"{behind}blocks.{layer}", true, sizes.Behind, sizes.Behind);
    }

    Plain(behind + "sigma_out", true, 1, sizes.Behind);
    Plain(behind + "feat_out", true, sizes.Features, sizes.Behind);
    Normal(behind + "to_rgb", 1, 0, 3, sizes.Features, 1, 1);
    int inputs = sizes.Features;
    for (int side = 2 * sizes.Volume; side <= sizes.Picture; side *= 2)
    {
        int outputs = Math.Min(32768 / side, sizes.Channels), half = side / 2;
        string name = $"synthesis.b{side}";
        Modulated(name + ".conv0", outputs, inputs);
        Modulated(name + ".conv1", outputs, outputs);
        Modulated(name + ".torgb", 3, outputs);
        Normal(name + ".conv0.adapter.0", 1, 0, outputs / 4, outputs, 1, 1);
        Normal(name + ".conv0.adapter.1", 1, 0, 4 * outputs, outputs / 4, 1, 1);
        (tensors[name + ".conv0.w_avg"], tensors[name + ".conv1.w_avg"]) = (tensor(1f), tensor(1f));
        (tensors[name + "_attn.norm1.weight"], tensors[name + "_attn.norm1.bias"]) = (ones(inputs, half, half), zeros(inputs, half, half));
        Plain(name + "_attn.attn.to_q", false, sizes.Attention, inputs);
        Plain(name + "_attn.attn.to_k", false, sizes.Attention, sizes.Width);
        Plain(name + "_attn.attn.to_v", false, sizes.Attention, sizes.Width);
        Plain(name + "_attn.attn.to_out.0", true, inputs, sizes.Attention);
        Plain(name + "_offset.conv", true, 1, inputs, 1, 1);
        Normal(name + "_offset.mapping", 1, 0, sizes.Width, half * half);
        inputs = outputs;
    }

    return tensors;
}

// A CLIP text encoder of so many layers in Hugging Face's layout, whose tokenizer knows single bytes alone.
void WriteClip(string folder, int width, int layers)
{
    Directory.CreateDirectory(folder);
    bool Prints(int letter) => letter is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE and <= 0xFF;
    string[] letters = [.. Enumerable.Range(0, 256).Select(
        value => $"{(char)(Prints(value) ? value : 256 + Enumerable.Range(0, value).Count(letter => !Prints(letter)))}")];
    string[] tokens = [.. letters, .. letters.Select(letter => letter + "</w>"), "<|startoftext|>", "<|endoftext|>"];
    Dictionary<string, Tensor> tensors = new()
    {
        ["text_model.embeddings.token_embedding.weight"] = randn(tokens.Length, width).mul_(0.02),
        ["text_model.embeddings.position_embedding.weight"] = randn(77, width).mul_(0.02),
        ["text_projection.weight"] = randn(width, width).mul_(1 / Math.Sqrt(width)),
    };
    void Linear(string name, int outputs, int inputs)
        => (tensors[name + ".weight"], tensors[name + ".bias"]) = (randn(outputs, inputs).mul_(1 / Math.Sqrt(inputs)), zeros(outputs));
    void Norm(string name) => (tensors[name + ".weight"], tensors[name + ".bias"]) = (ones(width), zeros(width));
    for (int layer = 0; layer < layers; layer++)
    {
        string name = $"text_model.encoder.layers.{layer}.";
        Norm(name + "layer_norm1");
        Norm(name + "layer_norm2");
        foreach (string part in new[] { "q_proj", "k_proj", "v_proj", "out_proj" })
        {
            Linear($"{name}self_attn.{part}", width, width);
        }

        Linear(name + "mlp.fc1", 4 * width, width);
        Linear(name + "mlp.fc2", width, 4 * width);
    }

    Norm("text_model.final_layer_norm");
    SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
    File.WriteAllText(Path.Combine(folder, "config.json"), JsonSerializer.Serialize(new
    {
        vocab_size = tokens.Length, hidden_size = width, intermediate_size = 4 * width, num_hidden_layers = layers, num_attention_heads = 8,
        max_position_embeddings = 77, hidden_act = "quick_gelu",
    }));
    File.WriteAllText(Path.Combine(folder, "vocab.json"), JsonSerializer.Serialize(tokens.Select((token, id) => (token, id)).ToDictionary()));
    File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\n");
}
