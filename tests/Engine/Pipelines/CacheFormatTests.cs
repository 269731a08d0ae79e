using Aperture.Data;
using Aperture.Decoding;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Models whose caches keep keys and values in fewer bits, as users ask for them.</summary>
[Collection(WholeProcess.Name)]
public sealed class CacheFormatTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly ModelOptions _plain = new() { Type = "float32", Threads = 1 };
    private static readonly GenerationOptions _longer = new() { MaxNewTokens = 6, MinNewTokens = 6 };

    [Theory]
    [InlineData("bfloat16", 16 / 32.0)]
    [InlineData("bf16", 16 / 32.0)]
    [InlineData("int8", 12 / 32.0)]
    public async Task An_answer_says_the_cache_it_left(string cache, double share)
    {
        await using EngineSession session = small.Open();
        Image picture = Image.Load(small.Picture);

        Answer plain = await session.Load(small.Folder, _plain).Ask(picture, "w7 w8", _longer);
        Pipeline narrowed = session.Load(small.Folder, _plain with { Cache = cache });
        Answer answer = await narrowed.Ask(picture, "w7 w8", _longer);
        IReadOnlyList<Answer> batch = await narrowed.AskBatch([(picture, "w7 w8"), (null, "w3"), (picture, "w7 w8")], _longer);

        Assert.Equal(share, answer.CacheBytes / (double)plain.CacheBytes);
        Pipeline keeping = narrowed.KeepPrefixes();
        Assert.Equal(answer.CacheBytes, (await keeping.Ask(picture, "w7 w8", _longer)).CacheBytes);
        Answer kept = await keeping.Ask(picture, "w7 w8", _longer);
        Assert.True(kept.KeptTokens > 0);
        Assert.Equal(answer.CacheBytes, kept.CacheBytes);
        Assert.Equal(plain.Tokens[0], answer.Tokens[0]); // of the prompt, which attends to its rows as they are
        Assert.Equal(6, answer.Tokens.Count);
        Assert.Equal(batch[0].Tokens, batch[2].Tokens);
        Assert.NotSame(session.Load(small.Folder, _plain).Model, narrowed.Model);
    }

    [Theory]
    [InlineData("bfloat16")]
    [InlineData("int8")]
    public async Task Chats_and_beams_go_on_over_such_a_cache(string cache)
    {
        await using EngineSession session = small.Open();
        Pipeline pipeline = session.Load(small.Folder, _plain with { Cache = cache });
        using Chat chat = pipeline.Chat();

        await chat.Ask("w7 w8", Image.Load(small.Picture), _longer);
        Answer second = await chat.Ask("w9 w3", options: _longer);
        Answer alone = await pipeline.Ask(Image.Load(small.Picture), "w7 w8", _longer);
        Answer beams = await pipeline.Ask(Image.Load(small.Picture), "w7 w8", _longer with { Beams = 3 });

        Assert.Equal(6, second.Tokens.Count);
        Assert.Equal(6, beams.Tokens.Count);
        Assert.Equal(3L * alone.CacheBytes, beams.CacheBytes);
    }

    [Theory]
    [InlineData("bfloat16")]
    [InlineData("int8")]
    public async Task Answers_of_a_trained_model_agree(string cache)
    {
        string shelf = Repository.Path("scripts", "data", "shelf-eval"), folder = Repository.Path("scripts", "models", "tiny-llava");
        await using EngineSession session = EngineSessions.Open();
        Pipeline plain = session.Load(folder, _plain), narrowed = session.Load(folder, _plain with { Cache = cache });
        int agreed = 0, tokens = 0;
        foreach (QuestionItem item in QuestionFile.Read(Path.Combine(shelf, "questions.jsonl"), needAnswers: true).Take(24))
        {
            Image picture = Image.Load(item.Image!);
            Answer expected = await plain.Ask(picture, item.Question), answer = await narrowed.Ask(picture, item.Question);
            agreed += expected.Tokens.SequenceEqual(answer.Tokens) ? 1 : 0;
            tokens += expected.Tokens.Count;
        }

        Assert.True(tokens > 48, "Answers of one token say nothing of a cache.");
        Assert.InRange(agreed, 23, 24); // all 360 agreed where this was written
    }

    [Fact]
    public async Task What_is_no_format_or_cannot_be_had_is_refused_in_one_line()
    {
        await using EngineSession session = small.Open();
        string Refusal(ModelOptions options) => Assert.Throws<ApertureException>(() => session.Load(small.Folder, options)).Message;

        Assert.Equal("A KV cache in 'int4' is not known; use auto, bfloat16 or int8.", Refusal(_plain with { Cache = "int4" }));
        Assert.Equal(
            "A KV cache in int8 needs a model that is computed in float32 or bfloat16, not in float16; leave --kv-cache (Cache) out or use --dtype.",
            Refusal(_plain with { Cache = "int8", Type = "float16" }));
        using ModelOpening opening = new(new TorchSharp.torch.Device(TorchSharp.DeviceType.META)) { Cache = CacheFormat.Int8 };
        Assert.Equal(
            "A KV cache in int8 works on the CPU, but the device is meta; leave --kv-cache (Cache) out or use --device cpu.",
            Assert.Throws<ApertureException>(() => opening.Policy(TorchSharp.torch.ScalarType.BFloat16)).Message);
    }
}
