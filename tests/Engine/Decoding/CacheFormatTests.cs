using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Tests;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Caches that keep keys and values in fewer bits: what they take, what they give back, and what follows from it.</summary>
[Collection(DecodingCollection.Name)]
public sealed class CacheFormatTests
{
    [Theory]
    [InlineData(ScalarType.Float32, CacheFormat.Computed, 4 * 8)]
    [InlineData(ScalarType.Float32, CacheFormat.BFloat16, 2 * 8)]
    [InlineData(ScalarType.Float32, CacheFormat.Int8, 8 + 4)]
    [InlineData(ScalarType.BFloat16, CacheFormat.Computed, 2 * 8)]
    [InlineData(ScalarType.BFloat16, CacheFormat.BFloat16, 2 * 8)]
    [InlineData(ScalarType.BFloat16, CacheFormat.Int8, 8 + 4)]
    public void Bytes_are_those_of_the_rows_held(ScalarType type, CacheFormat format, int rowOfHead)
    {
        using SmallDecoder small = new(type: type);
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(5), SmallDecoder.LayoutOf(2)];
        using RequestContext request = small.Begin(layouts, format: format);
        Assert.Equal(0, request.Cache!.Bytes);
        small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(7)).Dispose();
        int layer = 2 * small.Config.KeyValueHeads * rowOfHead;

        Assert.Equal(small.Config.Layers * layer * 7, request.Cache.Bytes);
        small.Continue(request, DecoderPhase.Decode, [1], [2]).Dispose();
        Assert.Equal(small.Config.Layers * layer * 9, request.Cache.Bytes);
        request.Cache.Select([1]);
        Assert.Equal(small.Config.Layers * layer * 3, request.Cache.Bytes);
        request.Cache.Select([0, 0, 0]);
        Assert.Equal(small.Config.Layers * layer * 9, request.Cache.Bytes);
    }

    [Theory]
    [InlineData(ScalarType.Float32, CacheFormat.BFloat16, 0.01)]
    [InlineData(ScalarType.Float32, CacheFormat.Int8, 0.03)]
    [InlineData(ScalarType.BFloat16, CacheFormat.Int8, 0.05)]
    public void A_prompt_is_what_it_was_and_what_follows_is_near_it(ScalarType type, CacheFormat format, double tolerance)
    {
        using SmallDecoder small = new(type: type);
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(9)];
        using RequestContext exact = small.Begin(layouts), narrowed = small.Begin(layouts, format: format);

        using Tensor prompt = small.Forward(exact, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(9));
        using Tensor own = small.Forward(narrowed, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(9));
        using Tensor appended = small.Continue(exact, DecoderPhase.Append, [3, 1, 4]), ownAppended = small.Continue(narrowed, DecoderPhase.Append, [3, 1, 4]);
        using Tensor step = small.Continue(exact, DecoderPhase.Decode, [5]), ownStep = small.Continue(narrowed, DecoderPhase.Decode, [5]);

        Near.Exactly(prompt, own);
        Near.Equal(appended, ownAppended, tolerance);
        Near.Equal(step, ownStep, tolerance);
        using Tensor differs = step.ne(ownStep);
        Assert.True(differs.any().item<bool>(), "The step did not read the narrowed rows.");
    }

    [Theory]
    [InlineData(CacheFormat.BFloat16)]
    [InlineData(CacheFormat.Int8)]
    public void A_batch_gives_what_its_sequences_give_alone(CacheFormat format)
    {
        using SmallDecoder small = new();
        int[] lengths = [6, 1, 3];
        SequenceLayout[] layouts = [.. lengths.Select(SmallDecoder.LayoutOf)];
        using RequestContext together = small.Begin(layouts, format: format);
        small.Forward(together, DecoderPhase.Prefill, layouts, [.. lengths.SelectMany((length, i) => SmallDecoder.Ids(length, i))]).Dispose();
        using Tensor steps = small.Continue(together, DecoderPhase.Decode, [1], [2], [3]);
        for (int sample = 0; sample < lengths.Length; sample++)
        {
            using RequestContext alone = small.Begin([layouts[sample]], format: format);
            small.Forward(alone, DecoderPhase.Prefill, [layouts[sample]], SmallDecoder.Ids(lengths[sample], sample)).Dispose();
            using Tensor own = small.Continue(alone, DecoderPhase.Decode, [sample + 1]), part = steps.narrow(0, sample, 1);
            Assert.Equal(Enumerable.Range(0, small.Config.Layers).Select(layer => lengths[sample] + 1), Lengths(together, sample, small));

            // Products of three rows round otherwise than those of one, and a code may be its neighbour then.
            Near.Equal(own, part, 0.01);
        }
    }

    [Theory]
    [InlineData(ScalarType.Float32, CacheFormat.BFloat16, 8, 4, 2, 1e-5)]
    [InlineData(ScalarType.Float32, CacheFormat.Int8, 8, 4, 2, 1e-5)]
    [InlineData(ScalarType.Float32, CacheFormat.Int8, 33, 6, 1, 1e-5)]
    [InlineData(ScalarType.Float32, CacheFormat.Int8, 64, 2, 2, 1e-5)]
    [InlineData(ScalarType.BFloat16, CacheFormat.Int8, 48, 4, 4, 1e-2)]
    public void One_row_reads_stored_rows_as_if_they_had_been_widened(ScalarType type, CacheFormat format, int head, int heads, int kvHeads, double tolerance)
    {
        using IDisposable mode = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using Ops one = new(CPU, type, threads: 1), three = new(CPU, type, threads: 3);
        DecoderSpec spec = SmallDecoder.ConfigOf(heads: heads, keyValueHeads: kvHeads, headSize: head);
        foreach (int rows in (int[])[1, 15, 40])
        {
            using LayerCache cache = new(format);
            cache.Append(Noise(type, kvHeads, rows, head), Noise(type, kvHeads, rows, head), SmallDecoder.LayoutOf(rows), 0, 3);
            Tensor q = Noise(type, 1, heads, head);
            (Tensor keys, Tensor values) = cache.View();
            Assert.Equal([kvHeads, rows, head], keys.shape);
            Assert.Equal((type, type), (keys.dtype, values.dtype));

            Tensor widened = new Attention(spec, one).Run(q, keys, values, 1, rows, null), stored = new Attention(spec, one).RunStored(q, cache)!;

            Near.Equal(widened, stored, tolerance);
            Near.Exactly(stored, new Attention(spec, three).RunStored(q, cache)!);
        }
    }

    [Fact]
    public void A_cache_that_is_as_computed_is_read_as_it_was()
    {
        using IDisposable mode = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using Ops ops = new(CPU, ScalarType.BFloat16, threads: 1);
        using LayerCache cache = new(CacheFormat.BFloat16);
        Tensor keys = Noise(ScalarType.BFloat16, 2, 4, 8), values = Noise(ScalarType.BFloat16, 2, 4, 8);
        cache.Append(keys, values, SmallDecoder.LayoutOf(4), 0, 0);

        Assert.False(cache.IsNarrowed);
        Assert.Null(new Attention(SmallDecoder.ConfigOf(), ops).RunStored(Noise(ScalarType.BFloat16, 1, 4, 8), cache));
        (Tensor keptKeys, Tensor keptValues) = cache.View();
        Near.Exactly(keys, keptKeys);
        Near.Exactly(values, keptValues);
    }

    [Theory]
    [InlineData(CacheFormat.Computed)]
    [InlineData(CacheFormat.BFloat16)]
    [InlineData(CacheFormat.Int8)]
    public void Rows_that_stay_are_moved_as_they_are_stored(CacheFormat format) => LiveTensors.MustNotGrow(() =>
    {
        using IDisposable mode = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using LayerCache cache = new(format);
        cache.Append(Noise(ScalarType.Float32, 2, 5, 8), Noise(ScalarType.Float32, 2, 5, 8), SmallDecoder.LayoutOf(5), 0, 0);
        cache.Append(Noise(ScalarType.Float32, 2, 2, 8), Noise(ScalarType.Float32, 2, 2, 8), SmallDecoder.LayoutOf(2), 1, 0); // grows
        (Tensor keys, Tensor values) = cache.View();
        long bytes = cache.Bytes / 7;
        Tensor kept = tensor([0L, 2, 5]);

        using LayerCache copy = cache.Clone();
        cache.Remove(new HashSet<long> { LayerCache.Row(0, 1), LayerCache.Row(0, 3), LayerCache.Row(0, 4), LayerCache.Row(1, 1), LayerCache.Row(9, 9) }, 1);

        (Tensor leftKeys, Tensor leftValues) = cache.View();
        Near.Exactly(keys.index_select(1, kept), leftKeys);
        Near.Exactly(values.index_select(1, kept), leftValues);
        Assert.Equal(3 * bytes, cache.Bytes);
        (Tensor copiedKeys, Tensor copiedValues) = copy.View();
        Near.Exactly(keys, copiedKeys);
        Near.Exactly(values, copiedValues);
        copy.Truncate(LayerCache.Row(0, 4));
        Near.Exactly(keys.narrow(1, 0, 4), copy.Keys());
        Assert.Equal(4 * bytes, copy.Bytes);
        copy.Truncate(LayerCache.Row(0, 0));
        Assert.Equal((0, 0L), (copy.Length, copy.Bytes));
        copy.Append(Noise(ScalarType.Float32, 2, 0, 8), Noise(ScalarType.Float32, 2, 0, 8), SmallDecoder.LayoutOf(2).Keep([]), 2, 0);
        Assert.Equal((0, 0L), (copy.Length, copy.Bytes));
    });

    [Theory]
    [InlineData(float.NaN, CacheFormat.Int8)]
    [InlineData(float.PositiveInfinity, CacheFormat.Int8)]
    [InlineData(float.NaN, CacheFormat.BFloat16)]
    public void What_is_no_number_stays_visible_in_its_head_and_leaves_others_alone(float wrong, CacheFormat format)
    {
        using IDisposable mode = inference_mode();
        using DisposeScope scope = NewDisposeScope();
        using Ops ops = new(CPU, ScalarType.Float32, threads: 1);
        Tensor keys = Noise(ScalarType.Float32, 2, 4, 8), values = Noise(ScalarType.Float32, 2, 4, 8), q = Noise(ScalarType.Float32, 1, 4, 8);
        values[1, 2, 3] = wrong;
        using LayerCache cache = new(format);
        cache.Append(keys, values, SmallDecoder.LayoutOf(4), 0, 0);

        float[] attended = new Attention(SmallDecoder.ConfigOf(), ops).RunStored(q, cache)!.data<float>().ToArray();

        Assert.All(attended[..16], value => Assert.True(float.IsFinite(value))); // two of four heads share the first
        Assert.Contains(attended[16..], float.IsNaN);
        Assert.Contains(attended[24..], float.IsNaN);
    }

    [Theory]
    [InlineData(CacheFormat.BFloat16)]
    [InlineData(CacheFormat.Int8)]
    public void Methods_drop_rows_and_statistics_of_a_prompt_are_what_they_were(CacheFormat format)
    {
        using SmallDecoder small = new();
        List<float[]> sums = [];
        HookTable table = small.Table(new ProbeReducer("dropper", sites => sites.AfterAttention(1, DecoderPhase.Prefill, (_, statistics) =>
        {
            using Tensor own = statistics.ColumnSums(0, HeadReduction.Max, [[8]]);
            sums.Add(own.data<float>().ToArray());
            return new RowSelection([[0, 4, 8]]);
        })));
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(9)];
        using RequestContext exact = small.Begin(layouts, table), narrowed = small.Begin(layouts, table, format: format);
        using Tensor prompt = small.Forward(exact, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(9));
        using Tensor own = small.Forward(narrowed, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(9));
        using Tensor step = small.Continue(exact, DecoderPhase.Decode, [5]), ownStep = small.Continue(narrowed, DecoderPhase.Decode, [5]);

        Near.Exactly(prompt, own);
        Assert.All(sums[0].Zip(sums[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-5f));
        Assert.Equal(Lengths(exact, 0, small), Lengths(narrowed, 0, small));
        Assert.Equal([10, 10, 4], Lengths(narrowed, 0, small));
        Near.Equal(step, ownStep, 0.03);
    }

    [Theory]
    [InlineData(CacheFormat.BFloat16)]
    [InlineData(CacheFormat.Int8)]
    public void A_trace_gets_what_is_cached_and_changes_nothing(CacheFormat format)
    {
        using SmallDecoder small = new();
        SequenceLayout[] layouts = [SmallDecoder.LayoutOf(4)];
        CacheTrace wanting = new(true), other = new(false);
        List<Tensor> steps = [];
        foreach (CacheTrace? trace in new[] { null, wanting, other })
        {
            using RequestContext request = small.Begin(layouts, trace: trace, format: format);
            small.Forward(request, DecoderPhase.Prefill, layouts, SmallDecoder.Ids(4)).Dispose();
            steps.Add(small.Continue(request, DecoderPhase.Decode, [5]));
        }

        Near.Exactly(steps[0], steps[1]);
        Near.Exactly(steps[0], steps[2]);
        steps.ForEach(step => step.Dispose());
        Assert.Equal([4, 4, 4, 5, 5, 5], wanting.Rows);
        Assert.Equal(0, wanting.OffGrid);
        Assert.Empty(other.Rows);
    }

    private static int[] Lengths(RequestContext request, int sample, SmallDecoder small)
        => [.. Enumerable.Range(0, small.Config.Layers).Select(layer => request.Cache!.Length(layer, sample))];

    private static Tensor Noise(ScalarType type, params long[] shape)
    {
        using Tensor noise = randn(shape);
        return noise.to_type(type, copy: true);
    }

    // Counts values that no row of 255 steps or of bf16 numbers could hold: what a narrowed cache gives is on its grid.
    private sealed class CacheTrace(bool wants) : IDecoderTrace
    {
        public List<int> Rows { get; } = [];

        public int OffGrid { get; private set; }

        public bool WantsCache(int layer) => wants;

        public void LayerCache(ILayerContext context, int sample, Tensor keys, Tensor values)
        {
            using DisposeScope scope = NewDisposeScope();
            Rows.Add((int)keys.size(1));
            Tensor steps = keys.div(keys.abs().amax([-1], keepdim: true)).mul(127);
            bool codes = steps.sub(steps.round()).abs().le(1e-3).all().item<bool>();
            bool halves = keys.eq(keys.to_type(ScalarType.BFloat16).to_type(ScalarType.Float32)).all().item<bool>();
            OffGrid += codes || halves ? 0 : 1;
        }
    }
}
