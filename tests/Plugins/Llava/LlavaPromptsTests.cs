using System.Text.Json;
using Aperture.Models;
using Aperture.Text;
using static TorchSharp.torch;

namespace Aperture.Plugins.Llava.Tests;

/// <summary>In the authors' layout prompts are written as their code does for the model's name, with marks around pictures where they were trained.</summary>
public sealed class LlavaPromptsTests : IDisposable
{
    private const string Config = """{"model_type": "llava", "mm_vision_tower": "openai/clip-vit-large-patch14-336", "mm_projector_type": "mlp2x_gelu"}""";

    private const string Vocabulary = """
        {"model": {"type": "BPE", "vocab": {"<s>": 0, "q": 1, "\n": 2, " ": 3}, "merges": []}, "added_tokens": [{"id": 0, "content": "<s>", "special": true}]}
        """;

    private readonly string _root = Directory.CreateTempSubdirectory("aperture-prompts").FullName;
    private readonly List<string> _told = [];

    [Theory]
    [InlineData("llava-v1.5-7b", "vicuna_v1")]
    [InlineData("llava-llama-2-13b-chat-lightning-preview", "llava_llama_2")]
    [InlineData("llava-v1.6-mistral-7b", "mistral_instruct")]
    [InlineData("LLaVA-Lightning-MPT-7B-preview", "mpt")]
    [InlineData("LLaVA-7b-delta-v0", "llava_v0")]
    [InlineData("llava-v1.6-34b", "chatml_direct")]
    [InlineData("mine", "vicuna_v1")]
    [InlineData("models--liuhaotian--llava-llama-2-7b-chat/snapshots/0a1b2c", "llava_llama_2")]
    public void The_template_goes_by_the_name(string name, string template) => Assert.Equal(template, Find(name).Template.Name);

    [Fact]
    public void What_the_user_names_outranks_the_name() => Assert.Equal("mpt", Find("llava-v1.5-7b", "mpt").Template.Name);

    [Fact]
    public void A_chat_template_that_the_authors_do_not_use_is_told_and_can_be_asked_for()
    {
        const string Own = "{% for m in messages %}{{ m.content }}.{% endfor %}";
        Directory.CreateDirectory(Path.Combine(_root, "llava-v1.5-7b"));
        File.WriteAllText(Path.Combine(_root, "llava-v1.5-7b", "chat_template.jinja"), Own);

        LlavaPrompts plain = Find("llava-v1.5-7b");
        Assert.Null(plain.Own);
        Assert.Contains("--prompt chat_template takes it", Assert.Single(_told), StringComparison.Ordinal);
        Assert.Equal("<image>\nq.", Find("llava-v1.5-7b", "chat_template").Own!.Render(null, [("q", 1, null)]));
        Assert.Contains(
            "has no chat template", Assert.Throws<ApertureException>(() => Find("other", "chat_template")).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("true", "true", new[] { 5, -200, 6 })]
    [InlineData("true", "false", new[] { 4, -200, 5 })]
    [InlineData("false", "true", new[] { -200 })]
    public void Pictures_stand_between_marks_where_the_checkpoint_was_trained_with_them(string marks, string patch, int[] around)
    {
        string folder = Directory.CreateDirectory(Path.Combine(_root, "tokens")).FullName;
        File.WriteAllText(Path.Combine(folder, "tokenizer.json"), Vocabulary);
        using JsonDocument json = JsonDocument.Parse(
            Config.TrimEnd('}') + $$""", "mm_use_im_start_end": {{marks}}, "mm_use_im_patch_token": {{patch}}}""");
        LlavaConfig config = LlavaConfig.Parse(json.RootElement, "config.json");
        LlavaComposer composer = new(config, new LlavaPrompts(PromptTemplates.Get("plain")), LlavaMarks.Open(folder, config), folder);

        Assert.Equal([.. around, 2, 1, 2], composer.Compose([new PromptMessage(PromptRole.User, "q", 1)]));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private LlavaPrompts Find(string name, string? prompt = null)
    {
        ModelFolder folder = new(Directory.CreateDirectory(Path.Combine(_root, name)).FullName);
        using JsonDocument json = JsonDocument.Parse(Config);
        using ModelOpening opening = new(CPU) { Prompt = prompt };
        opening.SendNotices(_told.Add);
        return LlavaPrompts.Find(LlavaConfig.Parse(json.RootElement, "config.json"), folder, null, opening);
    }
}
