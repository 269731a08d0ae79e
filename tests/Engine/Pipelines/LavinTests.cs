using System.Text.Json;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Tasks;
using Aperture.Text;
using Aperture.Training;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>LaVIN from its files to an answer, with its own adapters and with EAS's.</summary>
[Collection(WholeProcess.Name)]
public sealed class LavinTests(SmallLavin small) : IClassFixture<SmallLavin>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };

    [Fact]
    public async Task It_opens_from_its_authors_files_and_answers()
    {
        await using EngineSession session = small.Open();
        Pipeline lavin = session.Load(small.Folder, small.Options(small.Adapters));

        Answer seen = await lavin.Ask(Image.Load(small.Picture), "ab?", _short), told = await lavin.Ask(null, "ab?", _short);

        Assert.Equal((2, 0), (seen.VisualTokens, told.VisualTokens));
        Assert.NotEmpty(seen.Tokens);
        Assert.Null(seen.TokenMap);
        Assert.True(seen.Flops.Vision > 0 && seen.Flops.Method > 0 && told.Flops.Vision == 0);
        Assert.Equal("none", lavin.Label);
        Assert.StartsWith(
            "downsample has the vision encoder look at smaller pictures, but that of",
            Assert.Throws<ApertureException>(() => lavin.With("downsample").Build()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_batch_answers_as_single_questions_do()
    {
        await using EngineSession session = small.Open();
        Pipeline lavin = session.Load(small.Folder, small.Options(small.EasAdapters)).With("eas", new { SkipLayers = new[] { 1, 3 } });
        Image picture = Image.Load(small.Picture);

        IReadOnlyList<Answer> batch = await lavin.AskBatch([(picture, "ab?"), (null, "a longer one, ab?"), (picture, "bb?")], _short);

        Assert.Equal((await lavin.Ask(picture, "ab?", _short)).Text, batch[0].Text);
        Assert.Equal((await lavin.Ask(null, "a longer one, ab?", _short)).Text, batch[1].Text);
        Assert.Equal((await lavin.Ask(picture, "bb?", _short)).Text, batch[2].Text);
    }

    [Fact]
    public async Task Skipped_layers_hold_no_keys_and_cost_no_attention()
    {
        await using EngineSession session = small.Open();
        Pipeline lavin = session.Load(small.Folder, small.Options(small.EasAdapters));
        Image picture = Image.Load(small.Picture);

        Answer all = await lavin.With("eas", new { SkipLayers = Array.Empty<int>() }).Ask(picture, "ab?", _short);
        Answer half = await lavin.With("eas", new { SkipLayers = new[] { 1, 3 } }).Ask(picture, "ab?", _short);

        // The modality row is in no cache, and the token chosen last has not run.
        int rows = lavin.Model.Prompts.Compose([new PromptMessage(PromptRole.User, "ab?", 1)]).Length + 1 + all.Tokens.Count - 1;
        Assert.Equal(SmallLavin.Layers * rows * SmallLavin.Width * 2 * sizeof(float), all.CacheBytes);
        Assert.Equal(all.CacheBytes / 2 / rows, half.CacheBytes / (rows - all.Tokens.Count + half.Tokens.Count));
        Assert.True(half.Flops.Decoder < all.Flops.Decoder);
    }

    [Fact]
    public async Task LLaMA_in_Hugging_Faces_layout_gives_the_same()
    {
        string folder = Path.Combine(small.Root, "hf");
        Directory.CreateDirectory(folder);
        using (DisposeScope scope = NewDisposeScope())
        using (MetaLlamaWeights meta = MetaLlamaWeights.Open(small.Folder))
        {
            SafetensorsWriter.Save(Path.Combine(folder, "model.safetensors"), meta.Names.ToDictionary(name => name, meta.Load));
            DecoderSpec config = meta.Config;
            File.WriteAllText(
                Path.Combine(folder, "config.json"),
                $$"""{"model_type": "llama", "hidden_size": {{config.HiddenSize}}, "intermediate_size": {{config.IntermediateSize}}, "num_hidden_layers": {{config.Layers}}, "num_attention_heads": {{config.Heads}}, "vocab_size": {{config.VocabularySize}}, "rms_norm_eps": 1e-06}""");
        }

        await using EngineSession session = small.Open();
        Pipeline meta7 = session.Load(small.Folder, small.Options(small.Adapters)), hf = session.Load(folder, small.Options(small.Adapters));

        using Tensor expected = Logits(meta7.Model, meta7.Hooks), actual = Logits(hf.Model, hf.Hooks);

        Assert.True((expected - actual).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public async Task Untrained_adapters_leave_the_decoder_as_it_is()
    {
        await using EngineSession session = small.Open();
        Pipeline lavin = session.Load(small.Folder, small.Options(small.ZeroAdapters)).With("eas", new { SkipLayers = Array.Empty<int>() });
        Decoder decoder = lavin.Model.Decoder;

        using Tensor expected = Logits(lavin.Model, null), actual = Logits(lavin.Model, lavin.Hooks);

        Assert.Equal(SmallLavin.Layers, decoder.Info.Layers);
        Assert.True((expected - actual).abs().max().item<float>() < 1e-5);
    }

    [Fact]
    public async Task What_is_missing_or_doubtful_is_said_in_one_line()
    {
        await using EngineSession session = small.Open();
        string root = Directory.CreateTempSubdirectory("aperture-lavin-copy").FullName; // files beside the folder are looked at too
        string copy = Directory.CreateDirectory(Path.Combine(root, "7B")).FullName;
        foreach (string file in Directory.GetFiles(small.Folder))
        {
            File.Copy(file, Path.Combine(copy, Path.GetFileName(file)));
        }

        string noClip = Assert.Throws<ApertureException>(() => session.Load(copy, small.Options(small.Adapters))).Message;
        File.Copy(Path.Combine(small.Root, "ViT-L-14.pt"), Path.Combine(copy, "ViT-L-14.pt"));
        string noAdapters = Assert.Throws<ApertureException>(() => session.Load(copy, new ModelOptions())).Message;
        File.Copy(small.Adapters, Path.Combine(copy, "a.pth"));
        File.Copy(small.Adapters, Path.Combine(copy, "b.pth"));
        string several = Assert.Throws<ApertureException>(() => session.Load(copy, new ModelOptions())).Message;
        string prompt = Assert.Throws<ApertureException>(() => session.Load(copy, small.Options(small.Adapters) with { Prompt = "vicuna_v1" })).Message;
        string noSkips = Assert.Throws<ApertureException>(() => session.Load(small.Folder, small.Options(small.EasAdapters)).Build()).Message;
        string wrongFile = Assert.Throws<ApertureException>(() => session.Load(small.Folder, small.Options(small.Picture))).Message;
        Directory.Delete(root, recursive: true);

        Assert.Contains("ViT-L-14.pt", noClip, StringComparison.Ordinal);
        Assert.Contains("checkpoint-19.pth", noAdapters, StringComparison.Ordinal);
        Assert.Contains("a.pth, b.pth", several, StringComparison.Ordinal);
        Assert.Contains("instruction, or plain", prompt, StringComparison.Ordinal);
        Assert.Contains("give SkipLayers", noSkips, StringComparison.Ordinal);
        Assert.All(new[] { noClip, noAdapters, several, prompt, noSkips, wrongFile }, line => Assert.DoesNotContain('\n', line));
    }

    [Fact]
    public async Task Methods_that_read_attention_are_refused()
    {
        await using EngineSession session = small.Open();
        Pipeline pruned = session.Load(small.Folder, small.Options(small.Adapters)).With("fitprune", new { Recipe = new[] { 1, 0, 0, 0 } });

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(() => pruned.Ask(Image.Load(small.Picture), "ab?", _short));

        Assert.Contains("do not read attention", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Asking_leaves_no_tensors()
    {
        await using EngineSession session = small.Open();
        Pipeline lavin = session.Load(small.Folder, small.Options(small.EasAdapters)).With("eas", new { SkipLayers = new[] { 2 }, Merge = "LowRank" });
        Image picture = Image.Load(small.Picture);
        void Both()
        {
            lavin.AskNow(picture, "ab?", _short, null, CancellationToken.None);
            lavin.AskBatch([(picture, "ab?"), (null, "a longer one")], _short).GetAwaiter().GetResult();
        }

        Both();
        GC.Collect();
        GC.WaitForPendingFinalizers();
        long before = LiveTensors.Settled();
        Both();

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public async Task Training_goes_on_with_the_files_adapters_and_its_file_says_what_is_skipped()
    {
        await using EngineSession session = small.Open();
        Model model = session.Load(small.Folder, small.Options(small.Adapters)).Model;
        string output = Path.Combine(small.Root, "trained");
        List<double> losses = [];

        TrainingResult result = Train(
            session, model, output, """{ "SkipLayers": [1, 2], "Steps": 12, "BatchSize": 2, "Rate": 0.01, "WarmUp": 0, "Dropout": 0 }""", losses);
        Pipeline trained = session.Load(small.Folder, small.Options(result.Files[0]));
        Answer answer = await trained.Ask(Image.Load(small.Picture), "ab?", _short);

        Assert.True(losses[^1] < losses[0], $"{losses[0]} -> {losses[^1]}");
        Assert.Equal([1, 2], trained.Hooks!.LayersWithoutAttention.Order());
        Assert.NotEmpty(answer.Tokens);
        Assert.True(
            trained.Model.Checkpoint.Contains("layers.1.replaced_adapter.conv_C.weight")
            && !trained.Model.Checkpoint.Contains("layers.1.adapter_attn.conv_A.weight"));
        Assert.NotEqual(Values(model, "adapter_modality_embedding.weight"), Values(trained.Model, "adapter_modality_embedding.weight"));
        Assert.NotEqual(
            Values(model, "backbone.visual.transformer.resblocks.7.adapter_attn.conv_A.weight"),
            Values(trained.Model, "backbone.visual.transformer.resblocks.7.adapter_attn.conv_A.weight"));
    }

    [Fact]
    public async Task A_search_begins_with_fresh_adapters_and_names_its_base()
    {
        await using EngineSession session = small.Open();
        Pipeline fresh = session.Load(small.Folder, small.Options("fresh"));
        using Tensor plain = Logits(fresh.Model, null), untrained = Logits(fresh.Model, fresh.With("eas", new { SkipLayers = Array.Empty<int>() }).Hooks);

        TrainingResult found = Train(
            session, fresh.Model, Path.Combine(small.Root, "search"), """{ "Stage": "Search", "Steps": 4, "SkipCount": 2, "Every": 1, "BatchSize": 2 }""", []);

        Assert.True((plain - untrained).abs().max().item<float>() < 1e-5);
        Assert.Contains("\"LaVIN\"", File.ReadAllText(found.Files[0]), StringComparison.Ordinal);
    }

    private TrainingResult Train(EngineSession session, Model model, string output, string options, List<double> losses)
    {
        TrainingExample Sample(string id, string? image, string question, string answer)
            => new(id, image, [new TrainingMessage("human", question), new TrainingMessage("gpt", answer)]);
        TrainingExample[] examples =
        [
            Sample("a", small.Picture, "ab?", "ba"), Sample("b", null, "aa?", "bb"), Sample("c", small.Picture, "bb?", "aa"), Sample("d", null, "ba?", "ab"),
        ];
        using TrainingModel set = new(model, examples, output) { Rows = 40 };
        using PluginLease lease = session.Plugins.LeaseFor("eas");
        using JsonDocument json = JsonDocument.Parse(options);
        return MethodTrainer.Run(
            "eas", (ITrainedMethod)lease.Method("eas"), json.RootElement, set, new TrainingPace { ReportEvery = 1 }, new Losses(losses),
            CancellationToken.None);
    }

    private static float[] Values(Model model, string name)
    {
        using Tensor tensor = model.Checkpoint.Load(name);
        return tensor.data<float>().ToArray();
    }

    private sealed class Losses(List<double> losses) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => losses.Add(value.Loss);
    }

    private static Tensor Logits(Model model, HookTable? table)
    {
        using IDisposable mode = inference_mode();
        using EnteredRequest entered = new RequestRun(model, table).Enter([PromptRequest.Of("ab?", [])], null, 1, CancellationToken.None);
        using ForwardState state = model.Decoder.Begin(entered.Request, DecoderPhase.Prefill, entered.Layouts);
        using Tensor rows = model.Decoder.Run(state, entered.TakeRows(), CancellationToken.None);
        return model.Decoder.Logits(rows, state.Rows);
    }
}
