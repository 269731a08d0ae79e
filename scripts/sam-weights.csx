// Random weights of a Segment Anything in the published layout, as libtorch begins linear layers; #load it. Positions begin at 0, as the official code has
// them.
using Aperture.Weights;
using static TorchSharp.torch;

// Sizes of a SAM: blocks for which (block + 1) is a multiple of Everywhere attend everywhere, the others in windows (0: none do).
record SamSizes(int Width, int Blocks, int Heads, int Grid, int Patch, int Window, int Everywhere, int Prompt, int DecoderMlp);

Dictionary<string, Tensor> RandomSam(SamSizes sizes)
{
    (int width, int prompt, int inner) = (sizes.Width, sizes.Prompt, sizes.Prompt / 2);
    Dictionary<string, Tensor> tensors = [];
    void Uniform(string name, long inputs, params long[] shape) => tensors[name] = rand(shape).mul(2).sub(1).mul(1 / Math.Sqrt(inputs));
    void Normal(string name, params long[] shape) => tensors[name] = randn(shape);
    void Linear(string name, long outputs, long inputs)
    {
        Uniform(name + ".weight", inputs, outputs, inputs);
        Uniform(name + ".bias", inputs, outputs);
    }

    void Norm(string name, long channels)
    {
        tensors[name + ".weight"] = ones(channels);
        tensors[name + ".bias"] = zeros(channels);
    }

    void Convolution(string name, long first, long second, long size, bool bias, bool turned = false)
    {
        Uniform(name + ".weight", second * size * size, first, second, size, size);
        if (bias)
        {
            Uniform(name + ".bias", second * size * size, turned ? second : first);
        }
    }

    void Attention(string name, long between)
    {
        Linear(name + "q_proj", between, prompt);
        Linear(name + "k_proj", between, prompt);
        Linear(name + "v_proj", between, prompt);
        Linear(name + "out_proj", prompt, between);
    }

    const string Encoder = "image_encoder.", Prompts = "prompt_encoder.", Decoder = "mask_decoder.", Layers = Decoder + "transformer.";
    tensors[Encoder + "pos_embed"] = randn(1, sizes.Grid, sizes.Grid, width).mul(0.02);
    Convolution(Encoder + "patch_embed.proj", width, 3, sizes.Patch, bias: true);
    for (int block = 0; block < sizes.Blocks; block++)
    {
        string name = $"{Encoder}blocks.{block}.";
        bool windowed = sizes.Everywhere > 0 && (block + 1) % sizes.Everywhere != 0;
        long table = (2 * (windowed ? sizes.Window : sizes.Grid)) - 1;
        Norm(name + "norm1", width);
        Norm(name + "norm2", width);
        Linear(name + "attn.qkv", 3 * width, width);
        Linear(name + "attn.proj", width, width);
        tensors[name + "attn.rel_pos_h"] = zeros(table, width / sizes.Heads);
        tensors[name + "attn.rel_pos_w"] = zeros(table, width / sizes.Heads);
        Linear(name + "mlp.lin1", 4 * width, width);
        Linear(name + "mlp.lin2", width, 4 * width);
    }

    Convolution(Encoder + "neck.0", prompt, width, 1, bias: false);
    Norm(Encoder + "neck.1", prompt);
    Convolution(Encoder + "neck.2", prompt, prompt, 3, bias: false);
    Norm(Encoder + "neck.3", prompt);
    Normal(Prompts + "pe_layer.positional_encoding_gaussian_matrix", 2, prompt / 2);
    foreach (string name in Enumerable.Range(0, 4).Select(kind => $"point_embeddings.{kind}").Append("not_a_point_embed").Append("no_mask_embed"))
    {
        Normal($"{Prompts}{name}.weight", 1, prompt);
    }

    Convolution(Prompts + "mask_downscaling.0", 4, 1, 2, bias: true);
    Norm(Prompts + "mask_downscaling.1", 4);
    Convolution(Prompts + "mask_downscaling.3", 16, 4, 2, bias: true);
    Norm(Prompts + "mask_downscaling.4", 16);
    Convolution(Prompts + "mask_downscaling.6", prompt, 16, 1, bias: true);
    for (int layer = 0; layer < 2; layer++)
    {
        string name = $"{Layers}layers.{layer}.";
        Attention(name + "self_attn.", prompt);
        Attention(name + "cross_attn_token_to_image.", inner);
        Attention(name + "cross_attn_image_to_token.", inner);
        Linear(name + "mlp.lin1", sizes.DecoderMlp, prompt);
        Linear(name + "mlp.lin2", prompt, sizes.DecoderMlp);
        for (int norm = 1; norm <= 4; norm++)
        {
            Norm($"{name}norm{norm}", prompt);
        }
    }

    Attention(Layers + "final_attn_token_to_image.", inner);
    Norm(Layers + "norm_final_attn", prompt);
    Normal(Decoder + "iou_token.weight", 1, prompt);
    Normal(Decoder + "mask_tokens.weight", 4, prompt);
    Convolution(Decoder + "output_upscaling.0", prompt, prompt / 4, 2, bias: true, turned: true);
    Norm(Decoder + "output_upscaling.1", prompt / 4);
    Convolution(Decoder + "output_upscaling.3", prompt / 4, prompt / 8, 2, bias: true, turned: true);
    (string, long)[] heads = [.. Enumerable.Range(0, 4).Select(mask => ($"output_hypernetworks_mlps.{mask}.", (long)prompt / 8)), ("iou_prediction_head.", 4)];
    foreach ((string head, long outputs) in heads)
    {
        Linear($"{Decoder}{head}layers.0", prompt, prompt);
        Linear($"{Decoder}{head}layers.1", prompt, prompt);
        Linear($"{Decoder}{head}layers.2", outputs, prompt);
    }

    return tensors;
}

// A BERT of one layer, under DIT's names.
Dictionary<string, Tensor> RandomBert(int words, int width, int positions)
{
    const string Bert = "lang_encoder.bert.", Layer = Bert + "encoder.layer.0.";
    Dictionary<string, Tensor> tensors = [];
    void Linear(string name, long outputs, long inputs)
        => (tensors[name + ".weight"], tensors[name + ".bias"]) = (randn(outputs, inputs).mul(0.5 / Math.Sqrt(inputs)), zeros(outputs));
    void Norm(string name) => (tensors[name + ".weight"], tensors[name + ".bias"]) = (ones(width), zeros(width));
    tensors[Bert + "embeddings.word_embeddings.weight"] = randn(words, width).mul(0.2);
    tensors[Bert + "embeddings.position_embeddings.weight"] = randn(positions, width).mul(0.2);
    tensors[Bert + "embeddings.token_type_embeddings.weight"] = zeros(2, width);
    Norm(Bert + "embeddings.LayerNorm");
    foreach (string part in new[] { "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense" })
    {
        Linear(Layer + part, width, width);
    }

    Norm(Layer + "attention.output.LayerNorm");
    Linear(Layer + "intermediate.dense", 4 * width, width);
    Linear(Layer + "output.dense", width, 4 * width);
    Norm(Layer + "output.LayerNorm");
    return tensors;
}

void SaveWeights(string file, params Dictionary<string, Tensor>[] parts)
{
    Dictionary<string, Tensor> all = parts.SelectMany(part => part).ToDictionary(pair => pair.Key, pair => pair.Value);
    SafetensorsWriter.Save(file, all);
    foreach (Tensor tensor in all.Values)
    {
        tensor.Dispose();
    }
}
