// Makes an untrained FlashSloth in the published layout out of a small LLaVA: its words, the attention of its decoder and its CLIP tower, and around them a Phi
// decoder, a SigLIP tower, pooling and the queries' block from a seed.
//
//     aperture run scripts/train/flash-sloth.csx -- SMALL-LLAVA WORDS PICTURE FOLDER
//
// SMALL-LLAVA gives weights, WORDS (a model of the set "numbers") the tokenizer, whose vocabulary has the words of FlashSloth's prompts, and PICTURE the scale of
// CLIP's first rows: its norm before the first block is folded into the patch embedding as if all rows were as long as that picture's.

using System.Text.Json;
using System.Text.Json.Nodes;
using Aperture.Images;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

const int FeedForward = 256, Queries = 9, QueryWidth = 64, Pool = 2, QueryLayer = 2;
const string Clip = "vision_tower.vision_model.", Tower = "model.vision_tower.vision_tower.vision_model.", Llama = "language_model.model.";
const double EmbeddingLength = 8;

if (Args.Count != 4)
{
    throw new ApertureException("flash-sloth.csx needs a small LLaVA's folder, one with the words, a picture, and a folder for the untrained model.");
}

var (small, words, photo, target) = (Args[0], Args[1], Args[2], Args[3]);
var type = ScalarType.Float16;
var config = JsonNode.Parse(File.ReadAllText(Path.Combine(small, "config.json")))!;
var (text, vision) = (config["text_config"]!, config["vision_config"]!);
int Size(JsonNode of, string key) => of[key]!.GetValue<int>();
int hidden = Size(text, "hidden_size"), layers = Size(text, "num_hidden_layers"), c = Size(vision, "hidden_size"), patch = Size(vision, "patch_size");
int blocks = Size(vision, "num_hidden_layers") - 1, grid = Size(vision, "image_size") / patch;
Directory.CreateDirectory(target);

// The tokenizer, with the queries' placeholder as its last word and without a token in front of every text, as Phi's.
var tokenizer = JsonNode.Parse(File.ReadAllText(Path.Combine(words, "tokenizer.json")))!;
int placeholder = tokenizer["model"]!["vocab"]!.AsObject().Count, vocabulary = placeholder + 1;
var added = tokenizer["added_tokens"]!.AsArray();
var mark = added[^1]!.DeepClone();
(mark["id"], mark["content"]) = (placeholder, "<learnable>");
added.Add(mark);
tokenizer["model"]!["vocab"]!["<learnable>"] = placeholder;
tokenizer["post_processor"] = null;
int dot = tokenizer["model"]!["vocab"]!["."]!.GetValue<int>();
var indented = new JsonSerializerOptions { WriteIndented = true };
File.WriteAllText(Path.Combine(target, "tokenizer.json"), tokenizer.ToJsonString(indented));

using var quiet = no_grad();
using var generator = new Generator(1);
using var source = WeightFiles.Open(small);
var tensors = new Dictionary<string, Tensor>();
Tensor Own(string name) => source.Load(name).to_type(ScalarType.Float32);

void Draw(string name, double deviation, params long[] shape) => tensors[name] = randn(shape, generator: generator).mul(deviation);

void Linear(string name, double gain, int outputs, int inputs)
{
    Draw(name + ".weight", gain / Math.Sqrt(inputs), outputs, inputs);
    tensors[name + ".bias"] = zeros(outputs);
}

void Norm(string name, int width, Tensor? gain = null) => (tensors[name + ".weight"], tensors[name + ".bias"]) = (gain ?? ones(width), zeros(width));

// Decoder: words and attention are the small LLaVA's, feed-forward layers are new.
Tensor Words(string name, double length)
{
    Tensor known = Own(name), more = randn([vocabulary - known.size(0), hidden], generator: generator).mul(length / Math.Sqrt(hidden));
    return cat([known, more], 0); // [V, H] -> [V + 81, H]
}

tensors["model.embed_tokens.weight"] = Words(Llama + "embed_tokens.weight", EmbeddingLength);
tensors["lm_head.weight"] = Words("language_model.lm_head.weight", 1);
tensors["lm_head.bias"] = zeros(vocabulary);
Norm("model.final_layernorm", hidden, Own(Llama + "norm.weight"));
for (int layer = 0; layer < layers; layer++)
{
    string from = $"{Llama}layers.{layer}.", to = $"model.layers.{layer}.";
    Norm(to + "input_layernorm", hidden, Own(from + "input_layernorm.weight"));
    foreach (var (own, published) in new[] { ("q_proj", "q_proj"), ("k_proj", "k_proj"), ("v_proj", "v_proj"), ("o_proj", "dense") })
    {
        tensors[$"{to}self_attn.{published}.weight"] = Own($"{from}self_attn.{own}.weight");
        tensors[$"{to}self_attn.{published}.bias"] = zeros(hidden);
    }

    Linear(to + "mlp.fc1", 1, FeedForward, hidden);
    Linear(to + "mlp.fc2", 0.5 / Math.Sqrt(2 * layers), hidden, FeedForward);
}

// Tower: CLIP normalises colours otherwise, adds a class token and norms its rows before the first block; SigLIP does none of it.
float[] mean = [0.48145466f, 0.4578275f, 0.40821073f], deviation = [0.26862954f, 0.26130258f, 0.27577711f];
Tensor scale = tensor(deviation).mul(2).reciprocal(), shift = tensor(0.5f).sub(tensor(mean)).div(tensor(deviation)); // x_clip = scale x + shift
Tensor kernel = Own(Clip + "embeddings.patch_embedding.weight"); // [C, 3, p, p]
Tensor weight = kernel.mul(scale.view(1, 3, 1, 1)), bias = kernel.mul(shift.view(1, 3, 1, 1)).sum([1, 2, 3]);
Tensor positions = Own(Clip + "embeddings.position_embedding.weight").narrow(0, 1, grid * grid); // [1 + n, C] -> [n, C]
Tensor pixels = new ClipImageProcessor(new ClipImageProcessorConfig
{
    ShortestEdge = null, Width = grid * patch, Height = grid * patch, DoCenterCrop = false, ImageMean = [0.5, 0.5, 0.5], ImageStd = [0.5, 0.5, 0.5],
}).Process(Image.Load(photo));
Tensor rows = nn.functional.conv2d(pixels.unsqueeze(0), weight, bias, strides: [patch, patch]).flatten(2).squeeze(0).t().add(positions); // -> [n, C]
Tensor gain = Own(Clip + "pre_layrnorm.weight").div(rows.std(1, unbiased: false).mean());
tensors[Tower + "embeddings.patch_embedding.weight"] = weight.sub(weight.mean([0L], keepdim: true)).mul(gain.view(-1, 1, 1, 1));
tensors[Tower + "embeddings.patch_embedding.bias"] = bias.sub(bias.mean()).mul(gain).add(Own(Clip + "pre_layrnorm.bias"));
tensors[Tower + "embeddings.position_embedding.weight"] = positions.sub(positions.mean([1L], keepdim: true)).mul(gain);
foreach (string name in source.Names.Where(name => name.StartsWith(Clip + "encoder.layers.") && !name.Contains($".layers.{blocks}.")))
{
    tensors[Tower + name[Clip.Length..]] = Own(name);
}

foreach (var (own, published) in new[] { ("linear_1", "0"), ("linear_2", "2") })
{
    tensors[$"model.mm_projector.{published}.weight"] = Own($"multi_modal_projector.{own}.weight");
    tensors[$"model.mm_projector.{published}.bias"] = Own($"multi_modal_projector.{own}.bias");
}

// What is FlashSloth's own. Queries are as long as words, because there is no time to wait for them.
Linear("model.pooling.mlp.0", 1, c, c);
Linear("model.pooling.mlp.3", 0.1, 1, c);
Draw("model.learnable_tokens.token", EmbeddingLength / Math.Sqrt(hidden), Queries, hidden);
const string Block = "model.lqformer.", Layer = Block + "layers.0.";
Linear(Block + "down_projector_learnable_text", 1, QueryWidth, hidden);
Linear(Block + "down_projector_image", 1, QueryWidth, c);
foreach (string name in new[] { "t2q_attn.q_proj", "t2q_attn.k_proj", "t2q_attn.v_proj", "i2q_attn.q_proj", "i2q_attn.k_proj" })
{
    Linear(Layer + name, 1, QueryWidth, QueryWidth);
}

Linear(Layer + "i2q_attn.v_proj", 1, c, c);
foreach (string name in new[] { "ln_text", "ln_q", "ln_kv" })
{
    Norm(Layer + name, QueryWidth);
}

Linear(Block + "up_projector", 1, hidden, c);
SafetensorsWriter.Save(
    Path.Combine(target, "model.safetensors"), tensors.ToDictionary(pair => pair.Key, pair => pair.Value.to_type(type)),
    new Dictionary<string, string> { ["format"] = "pt" });

var written = new JsonObject
{
    ["architectures"] = new JsonArray("FlashSlothForCausalLM"),
    ["model_type"] = "phi",
    ["torch_dtype"] = "float16",
    ["hidden_size"] = hidden,
    ["intermediate_size"] = FeedForward,
    ["num_hidden_layers"] = layers,
    ["num_attention_heads"] = Size(text, "num_attention_heads"),
    ["num_key_value_heads"] = Size(text, "num_key_value_heads"),
    ["vocab_size"] = vocabulary,
    ["max_position_embeddings"] = Size(text, "max_position_embeddings"),
    ["hidden_act"] = "gelu_new",
    ["partial_rotary_factor"] = 1.0,
    ["rope_theta"] = text["rope_theta"]!.DeepClone(),
    ["rope_scaling"] = null,
    ["layer_norm_eps"] = 1e-5,
    ["qk_layernorm"] = false,
    ["tie_word_embeddings"] = false,
    ["bos_token_id"] = 2,
    ["eos_token_id"] = 2,
    ["image_aspect_ratio"] = "square",
    ["image_hd"] = false,
    ["mm_hidden_size"] = c,
    ["mm_projector_type"] = "mlp2x_gelu",
    ["mm_use_im_patch_token"] = false,
    ["mm_use_im_start_end"] = false,
    ["mm_vision_select_feature"] = "patch",
    ["mm_vision_select_layer"] = -2,
    ["mm_vision_tower"] = "",
    ["freeze_vision"] = false,
    ["query_base_token"] = dot,
    ["pool_size"] = Pool,
    ["query_layer"] = QueryLayer,
    ["use_mm_proj"] = true,
    ["vision_config"] = new JsonObject
    {
        ["model_type"] = "siglip_vision_model",
        ["hidden_size"] = c,
        ["intermediate_size"] = Size(vision, "intermediate_size"),
        ["num_hidden_layers"] = blocks + 1,
        ["num_attention_heads"] = Size(vision, "num_attention_heads"),
        ["image_size"] = grid * patch,
        ["patch_size"] = patch,
        ["hidden_act"] = "gelu_pytorch_tanh",
        ["layer_norm_eps"] = 1e-6,
    },
};
File.WriteAllText(Path.Combine(target, "config.json"), written.ToJsonString(indented));
var settings = JsonNode.Parse(File.ReadAllText(Path.Combine(words, "tokenizer_config.json")))!.AsObject();
foreach (var key in new[] { "chat_template", "processor_class", "bos_token" })
{
    settings.Remove(key);
}

File.WriteAllText(Path.Combine(target, "tokenizer_config.json"), settings.ToJsonString(indented));
File.WriteAllText(Path.Combine(target, "generation_config.json"), "{ \"bos_token_id\": 2, \"eos_token_id\": 2, \"pad_token_id\": 438 }\n");
Print($"wrote {Path.GetFullPath(target)}: {tensors.Values.Sum(t => t.numel()):N0} weights");
