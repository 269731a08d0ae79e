using System.Text.Json.Nodes;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>What real checkpoints have that a fresh one has not: each is acted on, refused, or told in one notice.</summary>
[Collection(WholeProcess.Name)]
public sealed class CheckpointVariantTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private const string Head = "language_model.lm_head.weight", Table = "language_model.model.embed_tokens.weight";
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };
    private readonly List<string> _told = [];

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Either_level_ties_the_head_and_a_left_over_one_is_told(bool top, bool text)
    {
        string tied = Variant(tensors => tensors[Head] = tensors[Table].clone());
        string folder = Variant(tensors => tensors[Head] = zeros_like(tensors[Head]));
        Change(folder, "config.json", json =>
        {
            json["tie_word_embeddings"] = top;
            json["text_config"]!["tie_word_embeddings"] = text;
        });

        Assert.Equal((await Ask(tied)).Tokens, (await Ask(folder)).Tokens);
        Assert.Contains(_told, line => line.Contains("holds an output matrix (lm_head.weight) of its own", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_lost_head_is_told()
    {
        await Ask(Variant(tensors => tensors.Remove(Head)));

        Assert.Contains(_told, line => line.Contains("has no output matrix (lm_head.weight)", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_token_without_a_row_is_told_and_refused_where_a_prompt_has_it()
    {
        string folder = Variant();
        Change(folder, "tokenizer.json", json => json["added_tokens"]!.AsArray().Add(new JsonObject
        {
            ["id"] = 32064,
            ["content"] = "<late>",
            ["special"] = false,
            ["normalized"] = false,
            ["lstrip"] = false,
            ["rstrip"] = false,
            ["single_word"] = false,
        }));

        await Ask(folder);
        Assert.Contains(_told, line => line.Contains("token '<late>' with id 32064 lies beyond the 32064 rows", StringComparison.Ordinal));
        string refused = (await Assert.ThrowsAsync<ApertureException>(() => Ask(folder, "what <late>?"))).Message;
        Assert.Contains("token '<late>' with id 32064, but the embedding table of", refused, StringComparison.Ordinal);
        Assert.Contains("32064 rows", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_LightningModule_puts_before_every_name_is_left_out()
    {
        string wrapped = Variant(tensors =>
        {
            foreach (string name in tensors.Keys.ToArray())
            {
                tensors.Remove(name, out Tensor? tensor);
                tensors[$"model.{name}"] = tensor!;
            }
        });

        Assert.Equal((await Ask(small.Folder)).Tokens, (await Ask(wrapped)).Tokens);
        Assert.Empty(_told);
    }

    [Fact]
    public async Task An_end_that_the_output_matrix_has_not_is_told()
    {
        string folder = Variant();
        File.WriteAllText(Path.Combine(folder, "generation_config.json"), """{"eos_token_id": 99999}""");

        await Ask(folder);

        Assert.Contains(
            _told,
            line => line.Contains(
                "generation_config.json: eos_token_id 99999 lies beyond the 32064 rows of the output matrix, so no answer ends by itself",
                StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_prompt_longer_than_the_positions_is_refused_or_cut_with_a_notice()
    {
        string question = string.Join(' ', Enumerable.Repeat("a", 600));

        string refused = (await Assert.ThrowsAsync<ApertureException>(() => Ask(small.Folder, question))).Message;
        Assert.Contains("was made for 512 (max_position_embeddings)", refused, StringComparison.Ordinal);

        await Ask(small.Folder, question, new ModelOptions { Type = "float32", Threads = 1, CutPrompt = true });
        Assert.Contains(_told, line => line.Contains("what stands behind row 512 is cut off", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Settings_of_the_file_that_do_not_go_together_are_told_and_can_be_overridden()
    {
        string folder = Variant();
        File.WriteAllText(
            Path.Combine(folder, "generation_config.json"),
            """{"num_beams": 2, "do_sample": true, "temperature": 0.7, "num_return_sequences": 3, "max_new_tokens": 3, "eos_token_id": 2}""");
        await using EngineSession session = EngineSessions.Open(onNotice: _told.Add);
        Pipeline pipeline = session.Load(folder);
        Image picture = Image.Load(small.Picture);

        Answer own = await pipeline.Ask(picture, "abc?"), beams = await pipeline.Ask(picture, "abc?", new GenerationOptions { Beams = 2, MaxNewTokens = 3 });
        Assert.Equal(beams.Tokens, own.Tokens);
        Assert.Contains(_told, line => line.Contains("generation_config.json: num_beams 2 with do_sample (temperature 0.7)", StringComparison.Ordinal));
        Assert.Contains(_told, line => line.Contains("generation_config.json: num_return_sequences 3", StringComparison.Ordinal));

        Answer greedy = await pipeline.Ask(picture, "abc?", pipeline.Model.Generation with { Beams = 1, Temperature = 0 });
        Assert.Equal((await pipeline.Ask(picture, "abc?", new GenerationOptions { MaxNewTokens = 3 })).Tokens, greedy.Tokens);
        ApertureException both = await Assert.ThrowsAsync<ApertureException>(
            () => pipeline.Ask(picture, "abc?", new GenerationOptions { Beams = 3, Temperature = 0.5 }));
        Assert.Contains("beam search does not sample", both.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_adapter_is_merged_from_the_option_from_its_folder_and_beside_the_weights()
    {
        using Tensor a = ones(1, 32), b = arange(32064, ScalarType.Float32).unsqueeze(1);
        string merged = Variant(tensors => tensors[Head] = tensors[Head].to_type(ScalarType.Float32).add(b.matmul(a), 0.5).to_type(ScalarType.BFloat16));
        string adapter = Path.Combine(small.Root, "tuned");
        string beside = Variant();
        foreach (string folder in (string[])[adapter, beside])
        {
            Directory.CreateDirectory(folder);
            SafetensorsWriter.Save(
                Path.Combine(folder, "adapter_model.safetensors"),
                new Dictionary<string, Tensor>
                {
                    ["base_model.model.lm_head.lora_A.weight"] = a,
                    ["base_model.model.lm_head.lora_B.weight"] = b,
                });
            File.WriteAllText(
                Path.Combine(folder, "adapter_config.json"),
                """{"peft_type": "LORA", "r": 2, "lora_alpha": 0.5, "base_model_name_or_path": "example/small"}""");
        }

        ModelOptions with = new() { Type = "float32", Threads = 1, Adapter = adapter };
        int[] expected = [.. (await Ask(merged)).Tokens];
        Assert.NotEqual((await Ask(small.Folder)).Tokens, expected);
        Assert.Equal(expected, (await Ask(small.Folder, options: with)).Tokens);
        Assert.Equal(expected, (await Ask(adapter)).Tokens); // the base lies beside it
        Assert.Equal(expected, (await Ask(beside)).Tokens);

        File.WriteAllText(Path.Combine(adapter, "adapter_config.json"), """{"base_model_name_or_path": "example/nowhere"}""");
        string refused = (await Assert.ThrowsAsync<ApertureException>(() => Ask(adapter))).Message;
        Assert.Contains("is a LoRA adapter for 'example/nowhere'", refused, StringComparison.Ordinal);
        Assert.Contains("--adapter", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Quantised_weights_answer_as_their_numbers_do()
    {
        string folder = Variant(
            tensors => tensors[Query] = ones(32, 32, ScalarType.Int8), tensors => tensors[Module + ".weight_scale"] = full([32, 1], 0.25f));
        string plain = Variant(tensors => tensors[Query] = full([32, 32], 0.25f));
        string codes = Variant(tensors => tensors[Query] = ones(32, 32, ScalarType.Int8));

        Assert.Equal((await Ask(plain)).Tokens, (await Ask(folder)).Tokens);
        string refused = (await Assert.ThrowsAsync<ApertureException>(() => Ask(codes))).Message;
        Assert.Contains("is stored as I8, codes of a quantised checkpoint", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_chat_template_of_the_checkpoint_writes_its_prompts()
    {
        string folder = Variant();
        File.WriteAllText(
            Path.Combine(folder, "chat_template.jinja"), "{% for m in messages %}{{ m.role }} says <image>\n{{ m.content[-1].text }}. {% endfor %}bot:");
        string unknown = Variant();
        File.WriteAllText(Path.Combine(unknown, "chat_template.json"), """{"chat_template": "{% macro x() %}{% endmacro %}"}""");
        await using EngineSession session = EngineSessions.Open(onNotice: _told.Add);

        Model own = session.Load(folder).Model, other = session.Load(unknown).Model, plain = session.Load(small.Folder).Model;
        Assert.Equal(own.RequireTokenizer().Encode("user says <image>\nabc?. bot:"), own.Prompts.Compose([new PromptMessage(PromptRole.User, "abc?", 1)]));
        Assert.Equal(Prompt(plain), Prompt(other));
        Assert.Contains(
            _told, line => line.Contains("the statement 'macro'", StringComparison.Ordinal) && line.Contains("--prompt chooses", StringComparison.Ordinal));

        static int[] Prompt(Model model) => model.Prompts.Compose([new PromptMessage(PromptRole.User, "abc?", 1)]);
    }

    [Fact]
    public async Task Settings_for_another_tower_are_refused_with_both_sizes()
    {
        string folder = Variant();
        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """{"size": 224, "crop_size": 224}""");

        string refused = (await Assert.ThrowsAsync<ApertureException>(() => Ask(folder))).Message;

        Assert.Contains("224x224 pixels large, but the vision tower takes 32x32", refused, StringComparison.Ordinal);
    }

    private const string Module = "language_model.model.layers.0.self_attn.q_proj", Query = Module + ".weight";

    private async Task<Answer> Ask(string folder, string question = "abc?", ModelOptions? options = null)
    {
        await using EngineSession session = EngineSessions.Open(options, _told.Add);
        return await session.Load(folder).Ask(Image.Load(small.Picture), question, _short);
    }

    // A copy of the small checkpoint with changed weights.
    private string Variant(params Action<Dictionary<string, Tensor>>[] changes)
    {
        string folder = Directory.CreateDirectory(Path.Combine(small.Root, Guid.NewGuid().ToString("N"))).FullName;
        foreach (string file in Directory.GetFiles(small.Folder).Where(file => !file.Contains(".safetensors", StringComparison.Ordinal)))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        using DisposeScope scope = NewDisposeScope();
        using IWeightSource source = WeightFiles.Open(small.Folder);
        Dictionary<string, Tensor> tensors = source.Names.ToDictionary(name => name, name => source.LoadCopy(name));
        Array.ForEach(changes, change => change(tensors));
        SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), tensors);
        return folder;
    }

    private static void Change(string folder, string file, Action<JsonNode> change)
    {
        string path = Path.Combine(folder, file);
        JsonNode json = JsonNode.Parse(File.ReadAllText(path))!;
        change(json);
        File.WriteAllText(path, json.ToJsonString());
    }
}
