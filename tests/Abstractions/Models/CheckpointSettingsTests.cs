using Aperture.Abstractions.Tests.Weights;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;

namespace Aperture.Abstractions.Tests.Models;

/// <summary>Where the files of a checkpoint's folder say how pictures are made and answers are generated.</summary>
public sealed class CheckpointSettingsTests
{
    [Fact]
    public void Nested_settings_of_pictures_count_before_the_older_file()
    {
        using TemporaryFolder folder = new();
        List<string> told = [];
        folder.Write("preprocessor_config.json", """{"do_center_crop": true, "size": 96, "image_processor_type": "CLIPImageProcessor"}"""u8.ToArray());
        folder.Write("processor_config.json", """{"image_processor": {"do_center_crop": false, "size": 96}, "patch_size": 8}"""u8.ToArray());

        ImageSettings found = ImageSettings.Find(new ModelFolder(folder.Root), told.Add)!;

        Assert.False(found.Json.GetProperty("do_center_crop").GetBoolean());
        Assert.EndsWith("processor_config.json: image_processor", found.Where, StringComparison.Ordinal);
        Assert.Contains("differ in do_center_crop", Assert.Single(told), StringComparison.Ordinal);
    }

    [Fact]
    public void Without_nested_settings_the_older_file_counts_and_without_either_nothing()
    {
        using TemporaryFolder folder = new();
        Assert.Null(ImageSettings.Find(new ModelFolder(folder.Root), Assert.Fail));
        folder.Write("processor_config.json", """{"patch_size": 8}"""u8.ToArray());
        Assert.Null(ImageSettings.Find(new ModelFolder(folder.Root), Assert.Fail));

        folder.Write("preprocessor_config.json", """{"size": 96}"""u8.ToArray());
        Assert.EndsWith("preprocessor_config.json", ImageSettings.Find(new ModelFolder(folder.Root), Assert.Fail)!.Where, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{}""", 96, 96)]
    [InlineData("""{"size": 96, "crop_size": 96}""", 96, 96)]
    [InlineData("""{"size": {"shortest_edge": 96}, "crop_size": {"height": 96, "width": 96}}""", 96, 96)]
    [InlineData("""{"size": {"height": 96, "width": 96}, "do_center_crop": false}""", 96, 96)]
    [InlineData("""{"size": [96, 96], "crop_size": [96, 96]}""", 96, 96)]
    [InlineData("""{"do_pad": true, "size": {"shortest_edge": 96}, "do_center_crop": false}""", 96, 96)]
    public void Sizes_in_every_spelling_fit_the_tower_they_are_made_for(string json, int width, int height)
    {
        ClipImageProcessorConfig config = Parse(json, 96);
        config.RequireFit(96, "preprocessor_config.json");

        Image made = new ClipImageProcessor(config).Prepare(Image.Filled(50, 30, 1, 2, 3));

        Assert.Equal((width, height), (made.Width, made.Height));
    }

    [Theory]
    [InlineData("""{"crop_size": 224}""", "224x224 pixels large, but the vision tower takes 96x96")]
    [InlineData("""{"size": {"height": 96, "width": 64}, "do_center_crop": false}""", "64x96 pixels large, but the vision tower takes 96x96")]
    [InlineData("""{"size": {"shortest_edge": 96}, "do_center_crop": false}""", "keep their proportions, but the vision tower takes 96x96")]
    [InlineData("""{"do_resize": false, "do_center_crop": false}""", "keep their proportions")]
    public void Sizes_that_do_not_fit_the_tower_are_refused_with_both(string json, string says)
        => Assert.Contains(
            says, Assert.Throws<ApertureException>(() => Parse(json, 96).RequireFit(96, "preprocessor_config.json")).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"do_pad": true}""", true)]
    [InlineData("""{"do_pad": true, "image_processor_type": "LlavaImageProcessorFast"}""", true)]
    [InlineData("""{"do_pad": true, "image_processor_type": "LlavaNextImageProcessor"}""", false)]
    [InlineData("""{"do_pad": false}""", false)]
    [InlineData("""{}""", false)]
    public void Padding_is_what_do_pad_says_but_for_tiles(string json, bool pads) => Assert.Equal(pads, Parse(json, 96).PadToSquare);

    [Fact]
    public void Generation_settings_that_cannot_work_together_keep_nothing_from_being_read()
    {
        using TemporaryFolder folder = new();
        folder.Write("config.json", "{}"u8.ToArray());
        folder.Write(
            "generation_config.json",
            """{"num_beams": 4, "do_sample": true, "temperature": 0.7, "num_return_sequences": 8, "top_k": -1, "min_p": 0.2, "stop_strings": "###"}"""u8
                .ToArray());
        List<string> told = [];

        GenerationOptions options = GenerationSettings.Read(new ModelFolder(folder.Root), told.Add);

        Assert.Equal((4, 0.7, 8, 0, false), (options.Beams, options.Temperature, options.ReturnedSequences, options.TopK, options.HasOwnLength));
        Assert.Equal(["###"], options.StopStrings);
        Assert.Contains("generation_config.json: not done is min_p 0.2", Assert.Single(told), StringComparison.Ordinal);
        Assert.Throws<ApertureException>(options.Validate);
    }

    [Theory]
    [InlineData("""{"eos_token_id": 2}""", null, new[] { 2 })]
    [InlineData("""{"text_config": {"eos_token_id": [2, 3]}}""", null, new[] { 2, 3 })]
    [InlineData("""{"eos_token_id": 2}""", """{"bos_token_id": 1}""", new[] { 2 })]
    [InlineData("""{"eos_token_id": 2}""", """{"eos_token_id": 7}""", new[] { 7 })]
    [InlineData("""{}""", null, new int[0])]
    public void The_end_of_an_answer_stands_in_either_file(string config, string? generation, int[] ends)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["config.json"], config);
        if (generation is not null)
        {
            File.WriteAllText(folder["generation_config.json"], generation);
        }

        Assert.Equal(ends, GenerationSettings.Read(new ModelFolder(folder.Root), Assert.Fail).EndOfSequence);
    }

    [Theory]
    [InlineData("""{"max_new_tokens": 7}""", 7, true, 0)]
    [InlineData("""{"max_length": 4096}""", 128, false, 4096)]
    [InlineData("""{"max_length": 20}""", 128, false, 0)]
    [InlineData("""{"min_new_tokens": 200}""", 200, false, 0)]
    public void Lengths_are_the_checkpoints_where_it_says_some(string json, int tokens, bool own, int length)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["generation_config.json"], json);

        GenerationOptions options = GenerationSettings.Read(new ModelFolder(folder.Root), Assert.Fail);

        Assert.Equal((tokens, own, length), (options.MaxNewTokens, options.HasOwnLength, options.MaxLength));
    }

    [Fact]
    public void A_value_out_of_range_is_refused_by_the_files_name()
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["generation_config.json"], """{"top_p": 2}""");

        Assert.Contains(
            "generation_config.json: TopP is 2",
            Assert.Throws<ApertureException>(() => GenerationSettings.Read(new ModelFolder(folder.Root), Assert.Fail)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("null", "Null")]
    [InlineData("[1]", "Array")]
    public void Generation_settings_that_are_no_object_are_refused(string json, string kind)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["generation_config.json"], json);

        Assert.Equal(
            $"{folder["generation_config.json"]} must hold a JSON object, not {kind}; fetch the file again.",
            Assert.Throws<ApertureException>(() => GenerationSettings.Read(new ModelFolder(folder.Root), Assert.Fail)).Message);
    }

    [Theory]
    [InlineData("chat_template.jinja", "{{ 1 }}")]
    [InlineData("chat_template.json", """{"chat_template": "{{ 1 }}"}""")]
    [InlineData("processor_config.json", """{"chat_template": "{{ 1 }}"}""")]
    [InlineData("tokenizer_config.json", """{"chat_template": "{{ 1 }}"}""")]
    [InlineData("tokenizer_config.json", """{"chat_template": [{"name": "rag", "template": "{{ 2 }}"}, {"name": "default", "template": "{{ 1 }}"}]}""")]
    public void A_chat_template_is_found_wherever_it_stands(string file, string content)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["tokenizer_config.json"], "{}");
        File.WriteAllText(folder[file], content);

        ChatTemplateFiles found = ChatTemplateFiles.Find(new ModelFolder(folder.Root))!;

        Assert.Equal(("{{ 1 }}", folder[file]), (found.Text, found.Where));
    }

    [Theory]
    [InlineData("chat_template.json", "[1]", "must hold a JSON object, not Array")]
    [InlineData("chat_template.json", """{"chat_template": 5}""", "chat_template.json: chat_template is 5 but must be a text.")]
    [InlineData("chat_template.jinja", "{{ '\u00FF' }}", "is not UTF-8 text (byte 5)")]
    public void A_chat_template_that_is_no_text_is_refused(string file, string content, string says)
    {
        using TemporaryFolder folder = new();
        File.WriteAllText(folder["tokenizer_config.json"], "{}");
        folder.Write(file, System.Text.Encoding.Latin1.GetBytes(content));

        string message = Assert.Throws<ApertureException>(() => ChatTemplateFiles.Find(new ModelFolder(folder.Root))).Message;

        Assert.Contains(says, message, StringComparison.Ordinal);
    }

    private static ClipImageProcessorConfig Parse(string json, int side)
    {
        using System.Text.Json.JsonDocument document = System.Text.Json.JsonDocument.Parse(json);
        return ClipImageProcessorConfig.Parse(document.RootElement, "preprocessor_config.json", side);
    }
}
