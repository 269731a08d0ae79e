using Aperture.Comparing;
using Aperture.Decoding;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Scripting;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>What figures of a comparison mean, seen on methods that cost a known amount.</summary>
[Collection(WholeProcess.Name)]
public sealed class MeasurerTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly MeasureOptions _options = new() { Runs = 5, Generation = new() { MaxNewTokens = 3 }, AddBaselines = false };

    [Fact]
    public async Task Time_in_hooks_is_a_median_so_that_one_slow_call_does_not_show()
    {
        await using EngineSession session = small.Open();
        int calls = 0;
        Pipeline pipeline = session.Load(small.Folder).With("slow at first", 1, (BeforeLayerHook)((_, _) => Sleep(++calls <= 4 ? 100 : 0)));

        Measurement measured = Measurer.Measure(pipeline, Image.Load(small.Picture), "abc?", _options);

        Assert.True(calls > 4);
        Assert.InRange(measured.Times.Method, 0, 50);
    }

    [Fact]
    [Trait("Category", "Process")] // Starts none, but keeps this one busy for long.
    public async Task Time_in_hooks_is_that_before_the_first_token()
    {
        await using EngineSession session = small.Open();
        const DecoderPhase All = DecoderPhase.Prefill | DecoderPhase.Decode;
        Pipeline plain = session.Load(small.Folder);
        Pipeline pipeline = plain
            .With(new LambdaMethod("slow", sites => sites.BeforeLayer(1, All, (context, _) => Sleep(context.Phase == DecoderPhase.Prefill ? 20 : 120))))
            .With("slow before", (Aperture.Vision.VisualTokens tokens) =>
            {
                Thread.Sleep(20);
                return tokens;
            });

        Comparison comparison = Measurer.Compare([plain, pipeline], Image.Load(small.Picture), "abc?", _options);

        Measurement slow = comparison.Rows[1];
        Assert.InRange(slow.Times.Method, 40, 119);
        Assert.True(slow.Times.Prefill >= 20 && slow.Times.Projector >= 20 && slow.Times.DecodePerToken >= 120, slow.Times.ToString());
        Assert.Contains("slower to the first token than none", Assert.Single(comparison.Notes), StringComparison.Ordinal);
        Assert.Equal(0, comparison.Rows[0].Times.Method);
    }

    [Fact]
    public async Task Peak_memory_is_each_pipeline_s_own()
    {
        const int Bytes = 96 << 20;
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Pipeline greedy = plain.With("greedy", 1, (BeforeLayerHook)((_, _) =>
        {
            using Tensor block = ones(Bytes / sizeof(float));
            return null;
        }));

        Comparison comparison = Measurer.Compare([plain, greedy, plain.Plain()], Image.Load(small.Picture), "abc?", _options);

        long[] peaks = [.. comparison.Rows.Select(row => row.PeakMemory!.Value)];
        Assert.InRange(peaks[1], Bytes * 9L / 10, Bytes * 3L / 2);
        Assert.InRange(peaks[0], 0, Bytes / 3);
        Assert.InRange(peaks[2], 0, Bytes / 3);
    }

    [Fact]
    public async Task Cells_of_a_list_name_a_pipeline_by_its_label()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        DisplayTable? table = new ValueFormatter().Format(new[]
        {
            new { Run = plain, Count = 1 }, new { Run = plain.With("random", new { Tokens = 8 }), Count = 2 },
        }).Table;
        Assert.Equal([["none", "1"], ["random(Tokens=8)", "2"]], table!.Rows);
    }

    private static Tensor? Sleep(int milliseconds)
    {
        Thread.Sleep(milliseconds);
        return null;
    }
}
