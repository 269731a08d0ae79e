using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Sequences;
using Aperture.Tasks;
using CsCheck;
using static TorchSharp.torch;

namespace Aperture.Plugins.DyVte.Tests;

/// <summary>Several prompts at once, later turns, and what the caches hold.</summary>
public sealed class BatchTests
{
    private static readonly Gen<SequenceLayout> _genPrompt = Gen.Select(Gen.Int[0, 5], Gen.Int[0, 12], Gen.Int[0, 7])
        .Where((prefix, visual, text) => prefix + text > 0)
        .Select((prefix, visual, text) => Prompts.With(prefix, visual, text));

    private static readonly Gen<DyVteOptions> _genOptions = Gen.Select(
        Gen.Double[0.2, 0.8], Gen.Int[0, 2], Gen.Int[1, 2], Gen.Bool.Select(all => all ? "all-text" : "text"))
        .Select(
            (threshold, first, patience, input) => new DyVteOptions { Threshold = threshold, MinExitLayer = first, Patience = patience, GateInput = input });

    [Fact]
    public void Samples_of_a_ragged_batch_exit_and_compute_as_they_do_alone()
    {
        using SmallModel model = new();
        Gen.Select(_genPrompt.Array[1, 4], _genOptions, Gen.Long[0, 1000]).Sample(
            (prompts, options, seed) =>
            {
                Tensor[] rows = [.. prompts.Select((prompt, i) => model.Rows(prompt, (ulong)(seed + i)))];
                using ExitReducer reducer = new(options, TestGates.Random(seed));
                ExitLog together = new();
                (Tensor all, SequenceLayout[] layouts) = model.Prefill(prompts, rows, reducer, together);
                int offset = 0;
                for (int sample = 0; sample < prompts.Length; sample++)
                {
                    ExitLog alone = new();
                    (Tensor own, SequenceLayout[] left) = model.Prefill([prompts[sample]], [rows[sample]], reducer, alone);
                    Assert.Equal(alone.Exits.GetValueOrDefault(0, -1), together.Exits.GetValueOrDefault(sample, -1));
                    Assert.Equal(left[0].Original.ToArray(), layouts[sample].Original.ToArray());
                    CheckKept(prompts[sample], layouts[sample], together.Exits.ContainsKey(sample));
                    using Tensor part = all.narrow(0, offset, layouts[sample].Count);
                    using Tensor difference = own.sub(part);
                    Assert.True(difference.abs().max().item<float>() <= 1e-4 * own.abs().max().item<float>());
                    offset += layouts[sample].Count;
                    own.Dispose();
                }

                all.Dispose();
                Array.ForEach(rows, r => r.Dispose());
            },
            iter: 40,
            threads: 1);
    }

    [Fact]
    public void Caches_keep_the_visual_rows_up_to_the_exit_and_never_see_them_behind()
    {
        using SmallModel model = new();
        Gen.Select(Gen.Int[1, 5], Gen.Int[1, 12], Gen.Int[1, 7], Gen.Int[0, 3]).Sample(
            (prefix, visual, text, exit) =>
            {
                SequenceLayout prompt = Prompts.With(prefix, visual, text);
                using ExitReducer reducer = new(new DyVteOptions { FixedExitLayer = exit }, null);
                using GenerationSession session = Begin(model, [prompt], reducer);

                session.Generate(new GenerationOptions { MaxNewTokens = 3 }, GenerationControl.None, null, CancellationToken.None);

                int[] expected = [.. Enumerable.Range(0, 4).Select(layer => prefix + text + 2 + (layer <= exit ? visual : 0))];
                Assert.Equal(expected, Lengths(session, 0));
            },
            iter: 20,
            threads: 1);
    }

    [Fact]
    public void Together_waits_for_the_last_gate_and_the_official_policy_asks_the_first_sample_only()
    {
        using SmallModel model = new();
        SequenceLayout[] prompts = [Prompts.With(3, 10, 4), SequenceLayout.Create([new Span(SpanKind.Text, 5)]), Prompts.With(2, 8, 6), Prompts.With(4, 6, 3)];
        Tensor[] rows = [.. prompts.Select((prompt, i) => model.Rows(prompt, (ulong)(40 + i)))];
        (ExitLog single, ExitLog together, ExitLog first) = (new(), new(), new());
        long seed = Enumerable.Range(0, 200).First(
            s => Run(s, "PerSample") is { } log && log.Exits.Count == 3 && log.Exits.Values.Distinct().Count() > 1 && log.Exits[0] < log.Exits.Values.Max());
        ExitLog Run(long s, string policy, ExitLog? log = null)
        {
            log ??= new ExitLog();
            using ExitReducer reducer = new(new DyVteOptions { BatchPolicy = policy }, TestGates.Random(s));
            model.Prefill(prompts, rows, reducer, log).Rows.Dispose();
            return log;
        }

        Run(seed, "PerSample", single);
        Run(seed, "AllMustExit", together);
        Run(seed, "FirstSample", first);

        Assert.All(together.Exits.Values, exit => Assert.Equal(single.Exits.Values.Max(), exit));
        Assert.Equal([0, 2, 3], together.Exits.Keys.Order());
        Assert.Equal([0, 2, 3], first.Exits.Keys.Order());
        Assert.All(first.Exits.Values, exit => Assert.Equal(single.Exits[0], exit));
        Assert.All(first.Asked, asked => Assert.Equal(0, asked.Sample));
        Array.ForEach(rows, r => r.Dispose());
    }

    [Fact]
    public void A_later_turn_asks_gates_for_its_own_image_only()
    {
        using SmallModel model = new();
        ExitLog log = new();
        using ExitReducer reducer = new(new DyVteOptions { Threshold = 1e-12, MinExitLayer = 1 }, TestGates.Random(3));
        using GenerationSession session = Begin(model, [Prompts.With(3, 10, 4)], reducer, log);
        Assert.Equal([(1, 0)], log.Asked);

        session.Append(model.Rows(SequenceLayout.Create([new Span(SpanKind.Text, 5)]), 2), [[new Span(SpanKind.Text, 5)]], CancellationToken.None);
        Assert.Single(log.Asked);
        Assert.Equal([22, 22, 12, 12], Lengths(session, 0));

        session.Append(model.Rows(Prompts.With(2, 6, 3), 3), [Prompts.Spans(2, 6, 3)], CancellationToken.None);
        Assert.Equal([(1, 0), (1, 0)], log.Asked);
        Assert.Equal([33, 33, 17, 17], Lengths(session, 0));
    }

    [Fact]
    public void Own_caches_can_be_freed_and_decoding_goes_on_without_them()
    {
        using SmallModel model = new();
        SequenceLayout[] prompts = [Prompts.With(3, 10, 4), Prompts.With(2, 7, 5)];
        using ExitReducer keeping = new(new DyVteOptions { FixedExitLayer = 2 }, null), freeing = new(
            new DyVteOptions { FixedExitLayer = 2, DropOwnCache = true }, null);
        using GenerationSession kept = Begin(model, prompts, keeping), freed = Begin(model, prompts, freeing);
        long bytes = freed.Request.Cache!.Bytes;

        GenerationResult a = kept.Generate(
            new GenerationOptions { MaxNewTokens = 2 }, new GenerationControl { KeepLogits = true }, null, CancellationToken.None);
        GenerationResult b = freed.Generate(
            new GenerationOptions { MaxNewTokens = 2 }, new GenerationControl { KeepLogits = true }, null, CancellationToken.None);

        Assert.Equal(4 * (7 + 7) * 2 * 16 * 4, bytes); // layers * text rows * (keys, values) * kv width * float
        Assert.Equal([8, 8, 8, 8], Lengths(freed, 0));
        Assert.Equal([18, 18, 18, 8], Lengths(kept, 0));
        Assert.Equal(a.Sequences[1].Logits![0], b.Sequences[1].Logits![0]);
        Assert.NotEqual(a.Sequences[1].Logits![1], b.Sequences[1].Logits![1]);
    }

    [Fact]
    public void State_follows_beams()
    {
        using ExitState state = new(2);
        state.ExitLayer[1] = 3;
        state.Streak[0] = 2;
        state.Voted[1] = true;

        state.Select([1, 0, 1]);

        Assert.Equal([3, -1, 3], state.ExitLayer);
        Assert.Equal([0, 2, 0], state.Streak);
        Assert.Equal([true, false, true], state.Voted);
    }

    [Fact]
    public void Sequences_and_beams_leave_no_tensor_behind()
    {
        using SmallModel model = new();
        using ExitReducer reducer = new(new DyVteOptions { DropOwnCache = true }, TestGates.Random(4));
        Run();
        long before = LiveTensors.Settled();

        Run();

        Assert.Equal(before, Tensor.TotalCount);

        void Run()
        {
            using GenerationSession session = Begin(model, [Prompts.With(3, 10, 4)], reducer);
            session.Generate(new GenerationOptions { MaxNewTokens = 4, Beams = 3 }, GenerationControl.None, null, CancellationToken.None);
        }
    }

    private static void CheckKept(SequenceLayout prompt, SequenceLayout left, bool exited)
    {
        int[] visual = prompt.VisualRows();
        int[] expected = [.. Enumerable.Range(0, prompt.Count).Where(row => !exited || !visual.Contains(row))];
        Assert.Equal(expected, left.Original.ToArray());
        Assert.Equal(expected, left.Positions.ToArray());
    }

    private static GenerationSession Begin(SmallModel model, SequenceLayout[] prompts, ITokenReducer reducer, IDecoderTrace? trace = null)
    {
        Tensor rows;
        using (NewDisposeScope())
        {
            rows = cat([zeros(0, model.Config.HiddenSize), .. prompts.Select((prompt, i) => model.Rows(prompt, (ulong)(60 + i)))], 0).DetachFromDisposeScope();
        }

        return new TokenGenerator(model.Decoder)
            .Begin(new GenerationInput(rows, prompts), HookTableBuilder.Build(model.Decoder.Info, [reducer]), trace, 4, CancellationToken.None);
    }

    private static int[] Lengths(GenerationSession session, int sample)
        => [.. Enumerable.Range(0, 4).Select(layer => session.Request.Cache!.Length(layer, sample))];
}
