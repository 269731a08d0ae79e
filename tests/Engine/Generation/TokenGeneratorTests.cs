using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Generation;
using Aperture.Pipelines;
using Aperture.Sequences;
using Aperture.Tasks;
using CsCheck;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Generation;

[Collection(DecodingCollection.Name)]
public sealed class TokenGeneratorTests
{
    [Fact]
    public void Greedy_generation_is_repeated_prefill_of_everything_so_far()
    {
        using SmallDecoder small = new();
        int[] ids = SmallDecoder.Ids(6);

        GenerationResult result = Generate(small, [ids], new GenerationOptions { MaxNewTokens = 8 });

        List<int> expected = [];
        for (int step = 0; step < 8; step++)
        {
            int[] all = [.. ids, .. expected];
            using Tensor logits = small.Prefill([SmallDecoder.LayoutOf(all.Length)], all), last = logits.select(0, -1), best = last.argmax();
            expected.Add((int)best.item<long>());
        }

        Assert.Equal(expected, result.Sequences[0].Tokens);
        Assert.Equal(FinishReason.Length, result.Sequences[0].Finish);
        Assert.Equal(7, result.Timings.Decode.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.8)]
    public void A_batch_gives_what_its_prompts_give_alone(double temperature)
    {
        using SmallDecoder small = new();
        Gen.Int[1, 9].Array[2, 4].Sample(
            lengths =>
            {
                int[][] prompts = [.. lengths.Select((length, i) => SmallDecoder.Ids(length, i))];
                GenerationOptions options = new()
                {
                    MaxNewTokens = 7,
                    EndOfSequence = [1, 2, 3, 4, 5, 6],
                    Temperature = temperature,
                    Seed = 11,
                    RepetitionPenalty = 1.1,
                };
                GenerationResult together = Generate(small, prompts, options);
                GenerationResult alone = Generate(small, prompts[..1], options);
                Assert.Equal(alone.Sequences[0].Tokens, together.Sequences[0].Tokens);
                if (temperature == 0)
                {
                    Assert.Equal(prompts.Select(prompt => Generate(small, [prompt], options).Sequences[0].Tokens), together.Sequences.Select(s => s.Tokens));
                }
            },
            iter: 8,
            threads: 1);
    }

    [Fact]
    public void One_seed_gives_one_answer_and_the_result_names_it()
    {
        using SmallDecoder small = new();
        GenerationOptions options = new() { MaxNewTokens = 12, Temperature = 1.5 };

        GenerationResult first = Generate(small, [SmallDecoder.Ids(4)], options);
        GenerationResult again = Generate(small, [SmallDecoder.Ids(4)], options with { Seed = first.Seed });
        GenerationResult other = Generate(small, [SmallDecoder.Ids(4)], options with { Seed = first.Seed + 1 });

        Assert.Equal(first.Sequences[0].Tokens, again.Sequences[0].Tokens);
        Assert.NotEqual(first.Sequences[0].Tokens, other.Sequences[0].Tokens);
    }

    [Fact]
    public void Beams_that_hold_every_continuation_find_the_most_likely_one()
    {
        const int Vocabulary = 5;
        using SmallDecoder small = new(SmallDecoder.ConfigOf(layers: 2) with { VocabularySize = Vocabulary });
        int[] prompt = [1, 4, 2];

        GenerationResult result = Generate(small, [prompt], new GenerationOptions { MaxNewTokens = 3, Beams = Vocabulary * Vocabulary, ReturnedSequences = 3 });

        List<(double Score, int[] Tokens)> all = [];
        for (int code = 0; code < Vocabulary * Vocabulary * Vocabulary; code++)
        {
            int[] tokens = [code / 25, code / 5 % 5, code % 5];
            using TorchSharp.DisposeScope scope = NewDisposeScope();
            Tensor logits = small.Prefill([SmallDecoder.LayoutOf(5)], [.. prompt, .. tokens[..2]]).narrow(0, 2, 3).log_softmax(-1);
            all.Add((Enumerable.Range(0, 3).Sum(step => logits[step][tokens[step]].item<float>()) / 3.0, tokens));
        }

        (double Score, int[] Tokens)[] best = [.. all.OrderByDescending(candidate => candidate.Score).Take(3)];
        Assert.Equal(best.Select(b => b.Tokens), result.Sequences.Select(s => s.Tokens));
        Assert.Equal(best[0].Score, result.Sequences[0].Score!.Value, 1e-4);
    }

    [Fact]
    public void An_end_token_and_a_stop_criterion_end_a_sequence_with_their_reason()
    {
        using SmallDecoder small = new();
        int[] free = Generate(small, [SmallDecoder.Ids(6)], new GenerationOptions { MaxNewTokens = 9 }).Sequences[0].Tokens;
        int token = free[3];
        int[] upToIt = free[..(Array.IndexOf(free, token) + 1)];

        GenerationResult ended = Generate(small, [SmallDecoder.Ids(6)], new GenerationOptions { MaxNewTokens = 9, EndOfSequence = [token] });
        GenerationResult stopped = Generate(
            small, [SmallDecoder.Ids(6)], new GenerationOptions { MaxNewTokens = 9 }, new GenerationControl { Stops = [new StopAt(token)] });

        Assert.Equal(upToIt, ended.Sequences[0].Tokens);
        Assert.Equal(FinishReason.EndOfSequence, ended.Sequences[0].Finish);
        Assert.Equal(upToIt, stopped.Sequences[0].Tokens);
        Assert.Equal(FinishReason.Stop, stopped.Sequences[0].Finish);
    }

    [Fact]
    public async Task Streaming_hands_out_the_same_tokens_in_order()
    {
        using SmallDecoder small = new();
        GenerationOptions options = new() { MaxNewTokens = 6 };
        GenerationResult expected = Generate(small, [SmallDecoder.Ids(5)], options);

        List<GeneratedToken> tokens = [];
        await foreach (GeneratedToken token in new TokenGenerator(small.Decoder).StreamAsync(Input(small, [SmallDecoder.Ids(5)]), options))
        {
            tokens.Add(token);
        }

        Assert.Equal(expected.Sequences[0].Tokens, tokens.Select(token => token.Token));
        Assert.Equal(Enumerable.Range(0, 6), tokens.Select(token => token.Index));
        Assert.Equal(FinishReason.Length, tokens[^1].Finish);
        Assert.All(tokens[..^1], token => Assert.Null(token.Finish));
    }

    [Fact]
    public async Task Leaving_a_stream_early_ends_the_generation_and_leaves_no_tensors()
    {
        using SmallDecoder small = new();
        Generate(small, [SmallDecoder.Ids(5)], new GenerationOptions { MaxNewTokens = 1 });
        long before = LiveTensors.Settled();

        await foreach (
            GeneratedToken token in new TokenGenerator(small.Decoder)
                .StreamAsync(Input(small, [SmallDecoder.Ids(5)]), new GenerationOptions { MaxNewTokens = 100000 }))
        {
            if (token.Index == 2)
            {
                break;
            }
        }

        Assert.Equal(before, Tensor.TotalCount);
    }

    [Fact]
    public async Task An_error_reaches_the_reader_of_a_stream()
    {
        using SmallDecoder small = new();
        IAsyncEnumerable<GeneratedToken> stream = new TokenGenerator(small.Decoder)
            .StreamAsync(Input(small, [SmallDecoder.Ids(3)]), new GenerationOptions { MaxNewTokens = 0 });

        ApertureException error = await Assert.ThrowsAsync<ApertureException>(async () =>
        {
            await foreach (GeneratedToken token in stream)
            {
                Assert.Fail("no token may come");
            }
        });

        Assert.Contains("MaxNewTokens is 0", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Cancelling_while_decoding_leaves_no_tensors(int beams)
    {
        using SmallDecoder small = new();
        Generate(small, [SmallDecoder.Ids(5)], new GenerationOptions { MaxNewTokens = 1 });
        using CancellationTokenSource cancel = new();
        int forwards = 0;
        HookTable table = small.Table(new ProbeReducer("canceller", sites => sites.BeforeLayer(1, DecoderPhase.Decode, (_, _) =>
        {
            if (++forwards == 3)
            {
                cancel.Cancel();
            }

            return null;
        })));

        LiveTensors.MustNotGrow(() => Assert.ThrowsAny<OperationCanceledException>(() => new TokenGenerator(small.Decoder)
            .Generate(
                Input(small, [SmallDecoder.Ids(5), SmallDecoder.Ids(4)]), new GenerationOptions { MaxNewTokens = 50, Beams = beams }, table: table,
                cancellationToken: cancel.Token)));
    }

    [Fact]
    public void Generating_leaves_no_tensors()
    {
        using SmallDecoder small = new();
        Generate(small, [SmallDecoder.Ids(5)], new GenerationOptions { MaxNewTokens = 1 });
        GenerationOptions options = new() { MaxNewTokens = 9, EndOfSequence = [1, 2, 3, 4] };
        GenerationOptions[] variants =
        [
            options, options with { Temperature = 1, TopP = 0.9, Seed = 1 }, options with { Beams = 3 },
            options with { Beams = 2, EarlyStopping = BeamStopping.Full },
        ];

        foreach (GenerationOptions variant in variants)
        {
            LiveTensors.MustNotGrow(() => Generate(small, [SmallDecoder.Ids(5), SmallDecoder.Ids(2, 3), SmallDecoder.Ids(7, 1)], variant));
        }
    }

    [Fact]
    public void An_empty_prompt_is_refused()
    {
        using SmallDecoder small = new();

        string message = Assert.Throws<ApertureException>(() => Generate(small, [SmallDecoder.Ids(3), []], new GenerationOptions())).Message;

        Assert.Contains("Prompt 1", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Steps_count_forwards_since_the_prompt_and_layouts_hold_the_new_row()
    {
        using SmallDecoder small = new();
        List<(int Step, int Position, SpanKind Kind)> seen = [];
        HookTable table = small.Table(new ProbeReducer("listener", sites => sites.BeforeLayer(0, DecoderPhase.All, (context, _) =>
        {
            seen.Add((context.Request.Step, context.Layout(0).Positions[^1], context.Layout(0).KindOf(0)));
            return null;
        })));

        new TokenGenerator(small.Decoder).Generate(Input(small, [SmallDecoder.Ids(5)]), new GenerationOptions { MaxNewTokens = 3 }, table: table);

        Assert.Equal([(0, 4, SpanKind.Text), (1, 5, SpanKind.Generated), (2, 6, SpanKind.Generated)], seen);
    }

    internal static GenerationInput Input(SmallDecoder small, int[][] prompts)
        => new(small.Decoder.Embed(prompts.SelectMany(prompt => prompt).ToArray()), [.. prompts.Select(prompt => SmallDecoder.LayoutOf(prompt.Length))]);

    private static GenerationResult Generate(SmallDecoder small, int[][] prompts, GenerationOptions options, GenerationControl? control = null)
        => new TokenGenerator(small.Decoder).Generate(Input(small, prompts), options, control);

    private sealed class StopAt(int token) : IStopCriterion
    {
        public bool IsMet(ReadOnlySpan<int> tokens) => tokens[^1] == token;
    }
}
