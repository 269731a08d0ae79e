using System.Text.Json;
using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Scheduling;
using CsCheck;

namespace Aperture.Engine.Tests.Composition;

/// <summary>Any mixture of the in-decoder methods, in any order, keeps what the decoder promises.</summary>
[Collection(WholeProcess.Name)]
public sealed class CompositionTests : IAsyncDisposable
{
    private const int Layers = 5, Draws = 100;
    private readonly SmallDecoder _small = new(SmallDecoder.ConfigOf(layers: Layers));
    private readonly MethodWeights _weights;
    private readonly PluginHost _plugins = new(PluginCatalog.Read());

    public CompositionTests() => _weights = new MethodWeights(_small.Config, seed: 3);

    public async ValueTask DisposeAsync()
    {
        await _plugins.DisposeAsync();
        _weights.Dispose();
        _small.Dispose();
    }

    [Fact]
    public void Any_subset_in_any_order_keeps_rows_caches_and_logits_sound()
        => CompositionDraw.Draws(Layers, _weights).Sample(
            draw =>
            {
                using Composed? methods = ComposeOrRefuse(draw.Methods);
                if (methods is null)
                {
                    return;
                }

                int[] all = [.. Enumerable.Range(0, draw.Rows.Length)];
                ComposedRun batch = ComposedRun.Of(_small, methods.Table, draw.Rows, all);
                CheckWork(batch, draw);
                Assert.All(batch.Logits, step => Assert.All(step, logits => Assert.All(logits, value => Assert.True(float.IsFinite(value)))));
                foreach (int sequence in all)
                {
                    ComposedRun alone = ComposedRun.Of(_small, methods.Table, draw.Rows, [sequence]);
                    for (int step = 0; step < batch.Logits.Length; step++)
                    {
                        Assert.True(
                            Difference(alone.Logits[step][0], batch.Logits[step][sequence]) < 1e-4, $"step {step} of sequence {sequence} depends on the batch");
                    }
                }
            },
            iter: Draws,
            threads: 1);

    [Fact]
    public void Keeping_everything_is_the_plain_decoder()
        => Gen.Select(Gen.Shuffle(new[] { 0, 1, 2, 3 }), Gen.Int[0, 4], Gen.Int[11, 18].Array[1, 3]).Sample(
            (order, count, rows) =>
            {
                using MethodWeights zero = new(_small.Config, seed: 4, zeroAdapters: true);
                (string, string)[] neutral =
                [
                    ("fitprune", JsonSerializer.Serialize(new { Recipe = new int[Layers] })),
                    ("dyvte", JsonSerializer.Serialize(new { zero.Gates, Threshold = 0.999999999999 })),
                    ("gamma-mod", JsonSerializer.Serialize(
                        new { Weights = zero.Routers, Layers = new[] { 1, 2, 3 }, PrefillThreshold = 0.0, DecodeThreshold = 0.0, WeightMlp = false })),
                    ("eas", JsonSerializer.Serialize(new { zero.Adapters, SkipLayers = Array.Empty<int>() })),
                ];
                int[] chosen = [.. order.Take(count)];
                using Composed methods = Compose([.. chosen.Select(i => neutral[i])]);
                int[] all = [.. Enumerable.Range(0, rows.Length)];
                ComposedRun plain = ComposedRun.Of(_small, null, rows, all), composed = ComposedRun.Of(_small, methods.Table, rows, all);
                bool exact = !chosen.Any(i => i >= 2);
                for (int step = 0; step < plain.Logits.Length; step++)
                {
                    for (int sample = 0; sample < rows.Length; sample++)
                    {
                        double difference = Difference(plain.Logits[step][sample], composed.Logits[step][sample]);
                        Assert.True(exact ? difference == 0 : difference < 1e-5, $"{methods.Label}: step {step} differs by {difference}");
                    }
                }
            },
            iter: 30,
            threads: 1);

    [Fact]
    public void What_cannot_work_together_is_refused_with_both_names_and_the_reason()
    {
        string eas = JsonSerializer.Serialize(new { _weights.Adapters, SkipLayers = new[] { 1 } });
        ApertureException twice = Assert.Throws<ApertureException>(() => Compose([("eas", eas), ("eas", eas)]));
        ApertureException none = Assert.Throws<ApertureException>(() => Compose(
            [
                ("fitprune", JsonSerializer.Serialize(new { Recipe = new[] { 0, 0, 0, 0, 2 } })),
                ("eas", JsonSerializer.Serialize(new { _weights.Adapters, SkipLayers = new[] { 4 } })),
            ]));

        Assert.Contains("eas and eas", twice.Message, StringComparison.Ordinal);
        Assert.Contains("fitprune", none.Message, StringComparison.Ordinal);
        Assert.Contains("eas", none.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Queries_look_at_their_own_pictures_patches()
    {
        using Composed methods = Compose([("embq", JsonSerializer.Serialize(new { Weights = _weights.QueryBlock, Layer = 2 }))]);

        ComposedRun with = ComposedRun.Of(_small, methods.Table, [14], [0]), without = ComposedRun.Of(_small, null, [14], [0]);

        Assert.True(Difference(without.Logits[0][0], with.Logits[0][0]) > 1e-3);
    }

    [Fact]
    public void A_mixture_of_all_leaves_no_tensor_behind()
    {
        (string, string)[] all =
        [
            ("fitprune", JsonSerializer.Serialize(new { Recipe = new[] { 0, 2, 1, 0, 0 } })),
            ("dyvte", JsonSerializer.Serialize(new { _weights.Gates, MinExitLayer = 3 })),
            ("gamma-mod", JsonSerializer.Serialize(new { Weights = _weights.Routers, Layers = new[] { 1, 2, 3 }, PrefillThreshold = 0.4 })),
            ("eas", JsonSerializer.Serialize(new { _weights.Adapters, SkipLayers = new[] { 2 }, Merge = "LowRank" })),
            ("embq", JsonSerializer.Serialize(new { Weights = _weights.QueryBlock, Layer = 1 })),
        ];
        void Run()
        {
            using Composed methods = Compose(all);
            ComposedRun.Of(_small, methods.Table, [14, 12], [0, 1]);
        }

        Run();
        LiveTensors.MustNotGrow(Run);
    }

    private static void CheckWork(ComposedRun run, CompositionDraw draw)
    {
        Dictionary<(int Layer, int Sample), int> cached = [];
        foreach ((int layer, DecoderPhase phase, LayerWork work) in run.Work)
        {
            int before = cached.GetValueOrDefault((layer, work.Sample));
            Assert.Equal(before + work.AttentionRows, work.CacheRows);
            cached[(layer, work.Sample)] = work.CacheRows;
            int[] positions = work.Layout.Positions.ToArray();
            Assert.Equal(positions.Distinct().Order(), positions);
            Assert.All(positions, position => Assert.InRange(position, 0, draw.Rows[work.Sample] + run.Logits.Length));
            if (phase == DecoderPhase.Prefill)
            {
                Assert.Equal(draw.Rows[work.Sample] - 6, work.Layout.Count - work.Layout.VisualCount);
                Assert.InRange(work.FeedForwardRows, 0, draw.Rows[work.Sample]);
            }
        }
    }

    private static double Difference(float[] expected, float[] actual)
    {
        double scale = Math.Max(1, expected.Max(Math.Abs));
        return expected.Zip(actual).Max(pair => Math.Abs(pair.First - pair.Second)) / scale;
    }

    // A mixture that cannot work is refused with the names of both, never in the middle of a run.
    private Composed? ComposeOrRefuse(IReadOnlyList<(string Name, string Options)> methods)
    {
        try
        {
            return Compose(methods);
        }
        catch (ApertureException refusal)
        {
            Assert.True(methods.Count(method => refusal.Message.Contains(method.Name, StringComparison.Ordinal)) > 1, refusal.Message);
            return null;
        }
    }

    private Composed Compose(IReadOnlyList<(string Name, string Options)> methods)
    {
        List<LeasedMethod> leased = [];
        try
        {
            foreach ((string name, string options) in methods)
            {
                using JsonDocument json = JsonDocument.Parse(options);
                leased.Add(_plugins.Create(name, json.RootElement.Clone(), _small.Decoder.Info, _weights));
            }

            return new Composed(leased, _small.Table([.. leased.Select(lease => lease.Method)]));
        }
        catch
        {
            leased.ForEach(lease => lease.Dispose());
            throw;
        }
    }

    private sealed record Composed(List<LeasedMethod> Leased, HookTable Table) : IDisposable
    {
        public string Label => string.Join(" + ", Leased.Select(lease => lease.Method.Name));

        public void Dispose() => Leased.ForEach(lease => lease.Dispose());
    }
}
