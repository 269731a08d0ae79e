namespace Aperture.Text.Tests;

public sealed class PromptTests
{
    [Fact]
    public void Every_template_renders_a_question()
    {
        foreach (PromptTemplate template in PromptTemplates.All.Values)
        {
            Assert.Contains("What is it?", template.Render([new("What is it?")]), StringComparison.Ordinal);
            Assert.NotEqual("", template.StopString);
        }
    }

    [Fact]
    public void System_message_can_be_exchanged()
    {
        PromptTemplate template = PromptTemplates.Get("qwen2_vl") with { SystemMessage = "Be brief." };

        Assert.Equal("<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n", template.Render([new("Hi")]));
    }

    [Fact]
    public void Llava_hf_template_has_no_system_message()
        => Assert.Equal(
            "USER: <image>\nHi ASSISTANT: Yes. USER: More? ASSISTANT:", PromptTemplates.Get("llava_hf").Render([new("<image>\nHi", "Yes."), new("More?")]));

    [Fact]
    public void Unknown_template_is_refused_with_the_names()
        => Assert.Contains("vicuna_v1", Assert.Throws<ApertureException>(() => PromptTemplates.Get("vicuna")).Message, StringComparison.Ordinal);

    [Fact]
    public void Plain_template_refuses_answers()
        => Assert.Throws<ApertureException>(() => PromptTemplates.Get("plain").Render([new("Hi", "Hello")]));

    [Fact]
    public void Parts_around_images_are_encoded_for_themselves_with_one_begin_token()
    {
        using TokenizerFolder folder = Folder();
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);

        Assert.Equal([1, 3, -200, 3, -200], ImagePrompts.Encode("hi<image>hi<image>", tokenizer));
        Assert.Equal([1, 3], ImagePrompts.Encode("hi", tokenizer));
        Assert.Equal([1, 7], ImagePrompts.Encode("<image>", tokenizer, imageId: 7));
    }

    [Fact]
    public void Image_tokens_are_repeated_by_their_counts()
    {
        Assert.Equal([5, 9, 9, 9, 6, 9], ImagePrompts.Expand([5, 9, 6, 9], 9, [3, 1]));
        Assert.Throws<ApertureException>(() => ImagePrompts.Expand([5, 9, 6, 9], 9, [3]));
        Assert.Throws<ApertureException>(() => ImagePrompts.Expand([5], 9, [3]));
    }

    [Fact]
    public void Internvl_spans_replace_the_placeholders_in_order()
    {
        Assert.Equal("a<img><IMG_CONTEXT><IMG_CONTEXT></img>b<image>", ImagePrompts.ExpandInternVl("a<image>b<image>", [2]));
        Assert.Throws<ApertureException>(() => ImagePrompts.ExpandInternVl("a", [2]));
    }

    [Fact]
    public void Generation_stops_at_ids_and_at_text()
    {
        using TokenizerFolder folder = Folder();
        StopCriteria criteria = new(["hi"], Tokenizers.FromFolder(folder.Path), promptLength: 1);

        Assert.True(criteria.ShouldStop([1, 8, 3]));
        Assert.True(criteria.ShouldStop([1, 8, 4]));
        Assert.False(criteria.ShouldStop([1, 3, 8]));
        Assert.Equal("so", criteria.Trim(" so hi"));
        Assert.Throws<ApertureException>(() => new StopCriteria([""], Tokenizers.FromFolder(folder.Path), 1));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Labels_keep_answers_and_their_ends_in_every_round(bool legacy)
    {
        PromptTemplate template = new()
        {
            Name = "t",
            Style = PromptStyle.Two,
            UserRole = "h",
            AssistantRole = "i",
            Separator = " ",
            Separator2 = "</s>",
            Version = "v1",
        };
        using TokenizerFolder folder = new TokenizerFolder()
            .WithModel(false, ("<unk>", 2), ("<s>", 3), ("</s>", 3), ("\u2581", 1), ("h", 1), ("i", 1), (":", 1), ("x", 1), ("y", 1));
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path, new() { Legacy = legacy });

        TrainingSample sample = TrainingLabels.Create(
            [new("human", "x"), new("gpt", "y"), new("human", "x"), new("gpt", "yy")], template, tokenizer, hasImage: false);

        Assert.False(sample.Mismatch);
        List<(int First, int Second)> kept = sample.InputIds.Zip(sample.Labels).Where(pair => pair.Second != TrainingLabels.Ignored).ToList();
        Assert.All(kept, pair => Assert.Equal(pair.First, pair.Second));
        Assert.Equal([8, 2, 8, 8, 2], kept.Select(pair => pair.First).Where(id => id != 3));
    }

    [Fact]
    public void Conversations_out_of_turn_are_refused()
    {
        using TokenizerFolder folder = Folder();
        ITokenizer tokenizer = Tokenizers.FromFolder(folder.Path);
        PromptTemplate template = PromptTemplates.Get("v1");

        Assert.Throws<ApertureException>(() => TrainingLabels.Create([new("human", "x"), new("human", "y")], template, tokenizer, hasImage: false));
        Assert.Throws<ApertureException>(() => TrainingLabels.Create([], template, tokenizer, hasImage: false));
        Assert.Throws<ApertureException>(() => TrainingLabels.Create([new("human", "x")], PromptTemplates.Get("mpt"), tokenizer, hasImage: false));
    }

    private static TokenizerFolder Folder() => new TokenizerFolder().WithModel(
        false, ("<unk>", 2), ("<s>", 3), ("</s>", 3), ("\u2581hi", 1), ("hi", 1), ("\u2581", 1), ("h", 1), ("i", 1), ("!", 1));
}
