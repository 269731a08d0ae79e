using System.Text.Json;
using Aperture.Comparing;
using Aperture.Engine.Tests.Composition;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Training;
using Aperture.Vision;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>A model that looks at pictures in tiles, from its folder to an answer, with every method on it.</summary>
[Collection(WholeProcess.Name)]
public sealed class NextTests(SmallNext small) : IClassFixture<SmallNext>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 3 };

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Both_layouts_open_and_draw_the_tiles_where_they_lie(bool original)
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(original ? small.Original : small.HuggingFace);

        Answer answer = await plain.Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.Equal(SmallNext.Tokens, answer.VisualTokens);
        Assert.Equal(4, answer.VisualTokensByLayer.Count(tokens => tokens == SmallNext.Tokens));
        Assert.Equal([new VisualGrid(4, 4), new VisualGrid(6, 8)], answer.TokenMap!.Tiles.Select(tile => tile.Grid));
        Assert.All(answer.TokenMap.Tiles, tile => Assert.Equal(new PictureArea(0, 0, 120, 90), tile.Area));
        Assert.Equal(16 + 48, answer.TokenMap.Kept[0].Count);
        Assert.Empty(plain.Model.Unclaimed);
    }

    [Fact]
    public async Task What_both_layouts_see_differs_in_nothing_but_the_order_that_decides_ties()
    {
        await using EngineSession session = small.Open();
        Image square = Image.Load(small.Picture).Resize(20, 20);

        using Seen original = await session.Load(small.Original).See([Image.Load(small.Picture), square]);
        using Seen other = await session.Load(small.HuggingFace).See([Image.Load(small.Picture), square]);

        Assert.Equal(Grids(original.Segments[0]), Grids(other.Segments[0]));
        Assert.Equal(new VisualGrid(4, 4), original.Segments[1][1].Grid); // of 64 x 32 and of 32 x 64, the padding cut off
        Assert.Equal(new VisualGrid(4, 4), other.Segments[1][1].Grid);

        static IEnumerable<VisualGrid> Grids(IReadOnlyList<VisualSegment> segments) => segments.Select(segment => segment.Grid);
    }

    [Fact]
    public async Task FitPrune_scales_a_recipe_by_the_rows_that_the_picture_has()
    {
        await using EngineSession session = small.Open();
        string recipe = Path.Combine(small.Root, "half.fitprune.json");
        File.WriteAllText(
            recipe,
            """{ "format": "fitprune-recipe", "version": 1, "model": "next", "layers": 4, "baseVisualTokens": 140, "delete": [41, 0, 30, 0] }""");
        Pipeline plain = session.Load(small.HuggingFace), pruned = plain.With("fitprune", new { Recipe = recipe });
        Pipeline official = plain.With("fitprune", new { Recipe = "official:llava-next-7b/60", ScaleToLayers = true });

        Answer answer = await pruned.Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.Equal([50, 50, 35, 35], answer.VisualTokensByLayer); // trunc(41 · 70 / 140) = 20, 30 · 70 / 140 = 15
        answer = await official.Ask(Image.Load(small.Picture), "abc?", _short);
        Assert.Equal([31, 28, 21, 21], answer.VisualTokensByLayer); // read at four layers it deletes 1629, 139, 322 and 6 of 2880
    }

    [Theory]
    [InlineData("random", 30)]
    [InlineData("pooling", 30)]
    [InlineData("downsample", 30)]
    [InlineData("fitprune", 70)]
    [InlineData("dyvte", 70)]
    [InlineData("gamma-mod", 70)]
    [InlineData("eas", 70)]
    [InlineData("pooling+fitprune+dyvte", 30)]
    [InlineData("downsample+fitprune+gamma-mod+eas", 30)]
    public async Task Every_method_works_on_it(string names, int most)
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.HuggingFace);
        using MethodWeights weights = new(pipeline.Model.Decoder.Spec, seed: 3);
        Dictionary<string, object> options = new()
        {
            ["random"] = new { Tokens = 30 },
            ["pooling"] = new { Tokens = 30 },
            ["downsample"] = new { Tokens = 30 },
            ["fitprune"] = new { Recipe = new[] { 5, 0, 5, 0 } },
            ["dyvte"] = new { FixedExitLayer = 3 },
            ["gamma-mod"] = new { Weights = weights.Routers, Layers = new[] { 1, 2 } },
            ["eas"] = new { weights.Adapters, SkipLayers = new[] { 3 } },
        };
        Pipeline acting = names.Split('+').Aggregate(pipeline, (built, name) => built.With(name, options[name]));

        Answer answer = await acting.Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.InRange(answer.VisualTokens, most / 2, most);
        Assert.NotEmpty(answer.Tokens);
        Assert.NotEmpty(answer.TokenMap!.Tiles);
    }

    [Fact]
    public async Task Pooled_rows_still_end_with_separators()
    {
        await using EngineSession session = small.Open();
        List<VisualSegment> segments = [];
        Pipeline pooled = session.Load(small.HuggingFace).With("pooling", new { Tokens = 35 }).With("look", (VisualTokens tokens) =>
        {
            segments.AddRange(tokens.Segments);
            return tokens;
        });

        await pooled.Ask(Image.Load(small.Picture), "abc?", _short);

        VisualSegment joined = segments[1];
        Assert.True(joined.Separators.Length > 1);
        Assert.Equal(joined.Rows - 1, joined.Separators[^1]);
        Assert.Equal(0, joined.Rows % joined.Separators.Length); // every row has as many tokens, and one separator
        Assert.Equal(Enumerable.Range(0, 48), joined.Sources!.SelectMany(sources => sources).Order());
    }

    [Fact]
    public async Task Downsampling_keeps_to_its_budget_and_saves_in_the_encoder()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.HuggingFace);
        Image picture = Image.Load(small.Picture);
        long before = (await plain.Ask(picture, "abc?", _short)).Flops.Vision;

        foreach (int tokens in new[] { 70, 69, 44, 30, 17, 9, 2, 1 })
        {
            Answer answer = await plain.With("downsample", new { Tokens = tokens }).Ask(picture, "abc?", _short);

            Assert.InRange(answer.VisualTokens, 1, Math.Max(tokens, 2)); // the least is one patch and its separator
            Assert.True(tokens == 70 ? answer.Flops.Vision == before : answer.Flops.Vision < before, $"{tokens}: {answer.Flops.Vision} of {before}");
        }
    }

    [Fact]
    public async Task A_comparison_gives_downsampling_the_cost_of_the_whole_way()
    {
        await using EngineSession session = small.Open();
        Pipeline pruned = session.Load(small.HuggingFace).With("fitprune", new { Recipe = new[] { 40, 0, 10, 0 } });

        Comparison comparison = Measurer.Compare([pruned], Image.Load(small.Picture), "abc?", new MeasureOptions { Runs = 1, Generation = _short });

        Measurement own = comparison.Rows[4], smaller = comparison.Rows[3];
        Assert.StartsWith("downsample", smaller.Label, StringComparison.Ordinal);
        Assert.True(smaller.Flops.Total <= own.Flops.Total, $"{smaller.Flops.Total} <= {own.Flops.Total}");
    }

    [Fact]
    public async Task More_rows_than_the_context_has_are_refused()
    {
        await using EngineSession session = small.Open();
        Image picture = Image.Load(small.Picture);

        string told = (await Assert.ThrowsAsync<ApertureException>(
            () => session.Load(small.HuggingFace).Ask([.. Enumerable.Repeat(picture, 8)], "abc?", _short))).Message;

        Assert.Matches("^The prompt has [0-9]+ rows, 560 of them of 8 picture\\(s\\), but the decoder's context is 512; ", told);
        Assert.DoesNotContain('\n', told);
    }

    [Fact]
    public async Task A_picture_can_be_looked_at_once_instead()
    {
        await using EngineSession padded = small.Open(new ModelOptions { Type = "float32", Threads = 1, Aspect = ImageAspect.Pad });

        Answer answer = await padded.Load(small.Original).Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.Equal(16, answer.VisualTokens);
    }

    [Fact]
    public async Task Preprocessing_with_other_resolutions_is_refused()
    {
        string folder = Path.Combine(small.Root, "other");
        Directory.CreateDirectory(folder);
        foreach (string file in Directory.EnumerateFiles(small.HuggingFace))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "preprocessor_config.json"), """{ "image_grid_pinpoints": [[32, 64]] }""");
        await using EngineSession session = small.Open();

        Assert.Contains(
            "image_grid_pinpoints differs from that of config.json", Assert.Throws<ApertureException>(() => session.Load(folder)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_separator_is_trained_and_saved()
    {
        await using EngineSession session = small.Open(new ModelOptions { Type = "float32", Threads = 1, Prompt = "llava_hf" });
        string questions = Path.Combine(small.Root, "questions.jsonl"), trained = Path.Combine(small.Root, "trained");
        File.WriteAllText(questions, JsonSerializer.Serialize(new { image = small.Picture, question = "abc?", answer = "ab" }) + "\n");
        using TrainingModel training = new(session.Load(small.HuggingFace).Model, [.. TrainingFile.Read(questions)], trained);
        Tensor separator = training.Unfreeze(name => name == "model.image_newline")["model.image_newline"];

        using (TrainingBatch batch = training.Batch([0], CancellationToken.None))
        using (IDecoderRun run = batch.Begin([]))
        {
            run.RunTo(training.Decoder.Layers, CancellationToken.None);
            using Tensor loss = run.NextTokenLoss();
            loss.backward();
        }

        using Tensor gradient = separator.grad!.abs().sum();
        Assert.True(gradient.item<float>() > 0);
        using (no_grad())
        {
            separator.fill_(0.5);
        }

        training.SaveCheckpoint(new Dictionary<string, Tensor>());
        using IWeightSource saved = WeightFiles.Open(trained);
        using Tensor written = saved.Load("image_newline");
        Assert.All(written.to_type(ScalarType.Float32).data<float>().ToArray(), value => Assert.Equal(0.5f, value));
    }

    [Fact]
    public async Task Asking_leaves_no_tensor_behind()
    {
        await using EngineSession session = small.Open();
        Image picture = Image.Load(small.Picture);
        Pipeline plain = session.Load(small.HuggingFace), scaled = plain.With("downsample", new { Tokens = 20 }).With("pooling", new { Tokens = 10 });
        PromptRequest asked = PromptRequest.Of("abc?", [picture]);
        void Run()
        {
            plain.AskNow(asked, _short, null, CancellationToken.None);
            scaled.AskNow(asked, _short, null, CancellationToken.None);
        }

        Run();
        LiveTensors.MustNotGrow(Run);
    }
}
