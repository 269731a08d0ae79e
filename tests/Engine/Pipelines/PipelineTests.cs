using System.Runtime.CompilerServices;
using Aperture.Comparing;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

[Collection(WholeProcess.Name)]
public sealed class PipelineTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };

    [Fact]
    public async Task A_recipe_of_zeros_answers_as_no_method_does()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);

        Answer without = await plain.Ask(picture, "abc?", _short);
        Answer with = await plain.With("fitprune", new { Recipe = new[] { 0, 0, 0, 0 } }).Ask(picture, "abc?", _short);

        Assert.Equal(without.Tokens, with.Tokens);
        Assert.Equal(without.Flops, with.Flops);
        Assert.Equal([16, 16, 16, 16], with.VisualTokensByLayer);
    }

    [Fact]
    public async Task Pruning_shortens_layers_cache_and_count()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);

        Answer without = await plain.Ask(picture, "abc?", _short);
        Answer with = await plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } }).Ask(picture, "abc?", _short);

        Assert.Equal([10, 10, 5, 5], with.VisualTokensByLayer);
        Assert.True(with.Flops.Decoder < without.Flops.Decoder);
        Assert.True(with.CacheBytes < without.CacheBytes);
        Assert.Equal([16, 10, 10, 5, 5], with.TokenMap!.Kept.Select(kept => kept.Count));
    }

    [Fact]
    public async Task A_stream_joins_to_the_answer()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);

        string streamed = "";
        await foreach (string piece in plain.Stream(picture, "abc?", _short))
        {
            streamed += piece;
        }

        Assert.Equal((await plain.Ask(picture, "abc?", _short)).Text, streamed.Trim());
    }

    [Fact]
    public async Task A_comparison_adds_what_users_need_to_judge_it()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Pipeline pruned = plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });

        Comparison comparison = Measurer.Compare([pruned], Image.Load(small.Picture), "abc?", new MeasureOptions { Runs = 1, Generation = _short });

        Assert.Equal(["none", "random", "pooling", "downsample", "fitprune"], comparison.Rows.Select(row => row.Label.Split('(')[0]));
        long budget = comparison.Rows[4].Flops.Decoder + comparison.Rows[4].Flops.Method;
        Assert.All(
            comparison.Rows.Skip(1).Take(2), row => Assert.True(row.Flops.Decoder <= budget, $"{row.Label} costs {row.Flops.Decoder}, more than {budget}"));
        Assert.True(comparison.Rows[1].Flops.Decoder > budget * 0.8);
        Assert.True(comparison.Rows[3].Flops.Total <= comparison.Rows[4].Flops.Total, "what the encoder saves is spent in the decoder, and no more");
        Assert.True(comparison.Rows[3].Flops.Vision < comparison.Rows[0].Flops.Vision);
        Assert.Contains("pooling", comparison.ToString(), StringComparison.Ordinal);
        Assert.Contains("\"pipeline\": \"none\"", ComparisonJson.Write(comparison), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_reload_gives_pipelines_the_new_version()
    {
        await using EngineSession session = EngineSessions.OpenAlone();
        Image picture = Image.Load(small.Picture);
        Pipeline pruned = session.Load(small.Folder).With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        Answer before = await pruned.Ask(picture, "abc?", _short);

        PluginReload reload = await session.ReloadAsync("fitprune");

        Assert.IsType<PluginUnload.Unloaded>(reload.Unload);
        Assert.Null(reload.Failure);
        Answer after = await pruned.Ask(picture, "abc?", _short);
        Assert.Equal(before.Tokens, after.Tokens);
        Assert.Equal(before.VisualTokensByLayer, after.VisualTokensByLayer);
    }

    [Fact]
    public async Task Pipelines_that_nobody_knows_any_more_give_their_plugin_back()
    {
        await using EngineSession session = EngineSessions.OpenAlone();
        AskAndForget(session, small);
        for (int i = 0; i < 20 && session.Plugins.Plugins.Any(p => p.Leases > 0); i++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.Equal(0, session.Plugins.Plugins.Single(p => p.Entry.Id == "fitprune").Leases);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void AskAndForget(EngineSession session, SmallLlava small)
    {
        Pipeline pruned = session.Load(small.Folder).With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } });
        pruned.AskNow(Image.Load(small.Picture), "abc?", _short, null, CancellationToken.None);
        Assert.Equal(1, session.Plugins.Plugins.Single(p => p.Entry.Id == "fitprune").Leases);
    }

    [Fact]
    public async Task A_session_leaves_no_tensor_behind()
    {
        Image picture = Image.Load(small.Picture);
        await RunSessionAsync(picture);
        long before = LiveTensors.Settled();

        await RunSessionAsync(picture);

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public async Task A_cancelled_question_leaves_no_tensor_behind()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);
        await plain.Ask(picture, "abc?", _short);
        long before = LiveTensors.Settled();
        using CancellationTokenSource source = new();
        int pieces = 0;

        Assert.ThrowsAny<OperationCanceledException>(() => plain.AskNow(picture, "abc?", new GenerationOptions { MaxNewTokens = 50 }, _ =>
        {
            if (++pieces == 3)
            {
                source.Cancel();
            }
        }, source.Token));

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Theory]
    [InlineData("nosuch", "{}", "nosuch")]
    [InlineData("fitprune", "{\"Redution\": 0.6}", "Redution")]
    [InlineData("fitprune", "{\"Reduction\": 3}", "Reduction")]
    [InlineData("fitprune", "{\"Recipe\": [1, 2]}", "layers")]
    [InlineData("fitprune", "{\"Recipe\": [9, 9, 9, -1]}", "-1")]
    public async Task Wrong_methods_and_options_are_one_line(string method, string options, string named)
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        ApertureException error = Assert.ThrowsAny<ApertureException>(() => plain.With(method, options).Build());

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public async Task Weights_of_another_shape_are_named_with_both_shapes()
    {
        string other = Path.Combine(small.Root, "other");
        Directory.CreateDirectory(other);
        foreach (string file in Directory.GetFiles(small.Folder))
        {
            File.Copy(file, Path.Combine(other, Path.GetFileName(file)), overwrite: true);
        }

        string config = Path.Combine(other, "config.json");
        File.WriteAllText(config, File.ReadAllText(config).Replace("\"intermediate_size\": 48", "\"intermediate_size\": 50", StringComparison.Ordinal));
        await using EngineSession session = small.Open();

        ApertureException error = Assert.ThrowsAny<ApertureException>(() => session.Load(other));

        Assert.Contains("[48, 32]", error.Message, StringComparison.Ordinal);
        Assert.Contains("[50, 32]", error.Message, StringComparison.Ordinal);
        long before = LiveTensors.Settled();
        Assert.ThrowsAny<ApertureException>(() => session.Load(other));
        Assert.Equal(before, Tensor.TotalCount);
    }

    private async Task RunSessionAsync(Image picture)
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        await plain.Ask(picture, "abc?", _short);
        await plain.With("fitprune", new { Recipe = new[] { 6, 0, 5, 0 } }).Ask(picture, "abc?", _short);
        await plain.With("random", new { Tokens = 5 }).Ask(picture, "abc?", _short);
        await plain.With("pooling", new { Tokens = 5 }).Ask(picture, "abc?", _short);
    }
}
