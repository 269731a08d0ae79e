using Aperture.Decoding;
using Aperture.Plugins.DitSam.Dit;
using Aperture.Plugins.DitSam.Sam;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DitSam.Tests;

/// <summary>A DIT small enough for tests, under published names: width 32, pictures of 128 pixels, windows of 3, prompts of width 16.</summary>
internal static class TinyDit
{
    public const int Width = 32, Heads = 4, Grid = 8, Prompt = 16, DecoderHeads = 2, Side = 128, Patch = 16, TokenRows = 20;
    private const int Window = 3, Inner = 8, FeedForward = 32, Positions = 24, TextInner = 16;

    /// <summary>Words of the vocabulary.</summary>
    public static IReadOnlyList<string> Words { get; } = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "red", "blue", "bag", "left", "right", "of"];

    public static WeightPolicy Policy { get; } = new(CPU, ScalarType.Float32, ScalarType.Float32);

    public static DitOptions Options { get; } = new() { DecoderHeads = DecoderHeads, TextHeads = 2 };

    /// <summary>The weights; the caller disposes them.</summary>
    /// <param name="variant">What stands between sentence and blocks; null for a plain SAM with a text encoder.</param>
    /// <param name="depth">Blocks; odd ones attend everywhere.</param>
    /// <param name="maskChannels">Channels of a mask prompt.</param>
    /// <param name="textWidth">Width of the text encoder.</param>
    public static TensorWeights Weights(DitVariant? variant = DitVariant.LayerWise, int depth = 4, int maskChannels = 4, int textWidth = Width)
    {
        Dictionary<string, Tensor> tensors = new(StringComparer.Ordinal);
        void Add(IReadOnlyDictionary<string, long[]> shapes, string prefix)
        {
            foreach ((string name, Tensor tensor) in Numbers.Fill(shapes, prefix))
            {
                tensors.Add(name, tensor);
            }
        }

        Add(Encoder(variant, depth, textWidth), DitKeys.Encoder);
        Add(PromptEncoder(maskChannels), SamKeys.Prompts);
        Add(Decoder(), SamKeys.Decoder);
        Add(Bert(textWidth), DitKeys.Bert);
        if (variant is not null)
        {
            Add(new Dictionary<string, long[]> { ["weight"] = [Prompt, textWidth], ["bias"] = [Prompt] }, DitKeys.TextProjection + ".");
        }

        return new TensorWeights(tensors);
    }

    /// <summary>A model over weights, which must outlive it.</summary>
    public static DitModel Model(IWeightSource weights, DitOptions? options = null, bool runsSentence = false)
    {
        IWeightSource named = DitKeys.UnderSamNames(weights);
        return new DitModel(named, DitConfig.Read(named, options ?? Options), Policy) { RunsSentence = runsSentence };
    }

    /// <summary>A folder with the weights as a file and the vocabulary.</summary>
    /// <returns>Path of the weights file.</returns>
    public static string Save(string folder, TensorWeights weights, string file = "dit.safetensors", Func<string, string?>? rename = null)
    {
        using (weights)
        {
            Dictionary<string, Tensor> tensors = [];
            foreach (string name in weights.Names)
            {
                if ((rename is null ? name : rename(name)) is { } saved)
                {
                    tensors[saved] = weights.Load(name);
                }
            }

            SafetensorsWriter.Save(Path.Combine(folder, file), tensors);
            foreach (Tensor tensor in tensors.Values)
            {
                tensor.Dispose();
            }
        }

        File.WriteAllLines(Path.Combine(folder, "vocab.txt"), Words);
        return Path.Combine(folder, file);
    }

    private static Dictionary<string, long[]> Encoder(DitVariant? variant, int depth, int textWidth)
    {
        const int Mlp = 4 * Width;
        Dictionary<string, long[]> shapes = new()
        {
            ["pos_embed"] = [1, Grid, Grid, Width],
            ["patch_embed.proj.weight"] = [Width, 3, Patch, Patch],
            ["patch_embed.proj.bias"] = [Width],
            ["neck.0.weight"] = [Prompt, Width, 1, 1],
            ["neck.1.weight"] = [Prompt],
            ["neck.1.bias"] = [Prompt],
            ["neck.2.weight"] = [Prompt, Prompt, 3, 3],
            ["neck.3.weight"] = [Prompt],
            ["neck.3.bias"] = [Prompt],
        };
        for (int block = 0; block < depth; block++)
        {
            string name = $"blocks.{block}.";
            long table = (2 * (block % 2 == 1 ? Grid : Window)) - 1;
            foreach (string norm in new[] { "norm1", "norm2" })
            {
                (shapes[$"{name}{norm}.weight"], shapes[$"{name}{norm}.bias"]) = ([Width], [Width]);
            }

            (shapes[name + "attn.qkv.weight"], shapes[name + "attn.qkv.bias"]) = ([3 * Width, Width], [3 * Width]);
            (shapes[name + "attn.proj.weight"], shapes[name + "attn.proj.bias"]) = ([Width, Width], [Width]);
            (shapes[name + "attn.rel_pos_h"], shapes[name + "attn.rel_pos_w"]) = ([table, Width / Heads], [table, Width / Heads]);
            (shapes[name + "mlp.lin1.weight"], shapes[name + "mlp.lin1.bias"]) = ([Mlp, Width], [Mlp]);
            (shapes[name + "mlp.lin2.weight"], shapes[name + "mlp.lin2.bias"]) = ([Width, Mlp], [Width]);
            if (variant is DitVariant.LayerWise or DitVariant.EndToEnd)
            {
                (shapes[$"probs.{block}.weight"], shapes[$"probs.{block}.bias"]) = ([Width, Width], [Width]);
            }
        }

        if (variant is DitVariant.LayerWise && textWidth != Width)
        {
            (shapes["prob_text.weight"], shapes["prob_text.bias"]) = ([Width, textWidth], [Width]);
        }

        if (variant is DitVariant.TokenLayerWise or DitVariant.EndToEndToken)
        {
            shapes["tokens"] = [variant == DitVariant.TokenLayerWise ? depth : depth - 1, TokenRows, Width];
        }

        if (variant is DitVariant.EndToEndToken)
        {
            (shapes["probs.weight"], shapes["probs.bias"]) = ([Width, Width], [Width]);
        }

        return shapes;
    }

    private static Dictionary<string, long[]> PromptEncoder(int maskChannels)
    {
        int half = maskChannels / 4;
        Dictionary<string, long[]> shapes = new()
        {
            ["pe_layer.positional_encoding_gaussian_matrix"] = [2, Prompt / 2],
            ["not_a_point_embed.weight"] = [1, Prompt],
            ["no_mask_embed.weight"] = [1, Prompt],
            ["mask_downscaling.0.weight"] = [half, 1, 2, 2],
            ["mask_downscaling.0.bias"] = [half],
            ["mask_downscaling.1.weight"] = [half],
            ["mask_downscaling.1.bias"] = [half],
            ["mask_downscaling.3.weight"] = [maskChannels, half, 2, 2],
            ["mask_downscaling.3.bias"] = [maskChannels],
            ["mask_downscaling.4.weight"] = [maskChannels],
            ["mask_downscaling.4.bias"] = [maskChannels],
            ["mask_downscaling.6.weight"] = [Prompt, maskChannels, 1, 1],
            ["mask_downscaling.6.bias"] = [Prompt],
        };
        for (int kind = 0; kind < 4; kind++)
        {
            shapes[$"point_embeddings.{kind}.weight"] = [1, Prompt];
        }

        return shapes;
    }

    private static Dictionary<string, long[]> Decoder()
    {
        Dictionary<string, long[]> shapes = new()
        {
            ["iou_token.weight"] = [1, Prompt],
            ["mask_tokens.weight"] = [4, Prompt],
            ["output_upscaling.0.weight"] = [Prompt, Prompt / 4, 2, 2],
            ["output_upscaling.0.bias"] = [Prompt / 4],
            ["output_upscaling.1.weight"] = [Prompt / 4],
            ["output_upscaling.1.bias"] = [Prompt / 4],
            ["output_upscaling.3.weight"] = [Prompt / 4, Prompt / 8, 2, 2],
            ["output_upscaling.3.bias"] = [Prompt / 8],
            ["transformer.norm_final_attn.weight"] = [Prompt],
            ["transformer.norm_final_attn.bias"] = [Prompt],
        };
        void Linear(string name, long outputs, long inputs) => (shapes[name + ".weight"], shapes[name + ".bias"]) = ([outputs, inputs], [outputs]);
        void Attention(string name, long inner)
        {
            foreach (string part in new[] { "q_proj", "k_proj", "v_proj" })
            {
                Linear(name + part, inner, Prompt);
            }

            Linear(name + "out_proj", Prompt, inner);
        }

        for (int layer = 0; layer < 2; layer++)
        {
            string name = $"transformer.layers.{layer}.";
            Attention(name + "self_attn.", Prompt);
            Attention(name + "cross_attn_token_to_image.", Inner);
            Attention(name + "cross_attn_image_to_token.", Inner);
            Linear(name + "mlp.lin1", FeedForward, Prompt);
            Linear(name + "mlp.lin2", Prompt, FeedForward);
            for (int norm = 1; norm <= 4; norm++)
            {
                (shapes[$"{name}norm{norm}.weight"], shapes[$"{name}norm{norm}.bias"]) = ([Prompt], [Prompt]);
            }
        }

        Attention("transformer.final_attn_token_to_image.", Inner);
        foreach (string head in Enumerable.Range(0, 4).Select(mask => $"output_hypernetworks_mlps.{mask}.").Append("iou_prediction_head."))
        {
            Linear(head + "layers.0", Prompt, Prompt);
            Linear(head + "layers.1", Prompt, Prompt);
            Linear(head + "layers.2", head[0] == 'i' ? 4 : Prompt / 8, Prompt);
        }

        return shapes;
    }

    private static Dictionary<string, long[]> Bert(int width)
    {
        Dictionary<string, long[]> shapes = new()
        {
            ["embeddings.word_embeddings.weight"] = [Words.Count, width],
            ["embeddings.position_embeddings.weight"] = [Positions, width],
            ["embeddings.token_type_embeddings.weight"] = [2, width],
            ["embeddings.LayerNorm.weight"] = [width],
            ["embeddings.LayerNorm.bias"] = [width],
        };
        const string Layer = "encoder.layer.0.";
        foreach (string part in new[] { "attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense" })
        {
            (shapes[$"{Layer}{part}.weight"], shapes[$"{Layer}{part}.bias"]) = ([width, width], [width]);
        }

        foreach (string part in new[] { "attention.output.LayerNorm", "output.LayerNorm" })
        {
            (shapes[$"{Layer}{part}.weight"], shapes[$"{Layer}{part}.bias"]) = ([width], [width]);
        }

        (shapes[Layer + "intermediate.dense.weight"], shapes[Layer + "intermediate.dense.bias"]) = ([TextInner, width], [TextInner]);
        (shapes[Layer + "output.dense.weight"], shapes[Layer + "output.dense.bias"]) = ([width, TextInner], [width]);
        return shapes;
    }
}
