using Aperture.Comparing;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Methods that a user writes at a prompt, without a plugin.</summary>
[Collection(WholeProcess.Name)]
public sealed class OwnMethodTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };

    [Fact]
    public async Task An_object_acts_as_a_plugins_method_does()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);

        Answer own = await plain.With(new FirstTokens(7)).Ask(picture, "abc?", _short);
        Answer named = await plain.With("mine", new FirstTokens(7)).Ask(picture, "abc?", _short);

        Assert.Equal([7, 7, 7, 7], own.VisualTokensByLayer);
        Assert.Equal(own.Tokens, named.Tokens);
        Assert.Equal(Enumerable.Range(0, 7), own.TokenMap!.Kept[0].Order());
        Assert.Equal("first-tokens", plain.With(new FirstTokens(7)).Label);
        Assert.Equal("mine", plain.With("mine", new FirstTokens(7)).Label);
    }

    [Fact]
    public async Task Functions_act_at_the_simple_sites()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Image picture = Image.Load(small.Picture);
        int edited = 0;

        Answer before = await plain.With("half", (VisualTokens t) => t.Keep([.. Enumerable.Range(0, t.Places.Length / 2)])).Ask(picture, "abc?", _short);
        Answer raw = await plain.With("raw", (VisionFeatures f) => f).Ask(picture, "abc?", _short);
        Answer attention = await plain.With("attention", 1, (ILayerContext context, IAttentionStatistics _) => Without(context, 10))
            .Ask(picture, "abc?", _short);
        Answer layer = await plain.With("layer", 2, (ILayerContext context, Tensor _, IAttentionStatistics? _) => Without(context, 5))
            .Ask(picture, "abc?", _short);
        Pipeline editing = plain.With("edit", 0, (ILayerContext _, Tensor _) =>
        {
            edited++;
            return null;
        });
        Answer edit = await editing.Ask(picture, "abc?", _short);

        Assert.Equal([8, 8, 8, 8], before.VisualTokensByLayer);
        Assert.Equal([16, 16, 16, 16], raw.VisualTokensByLayer);
        Assert.Equal([16, 6, 6, 6], attention.VisualTokensByLayer);
        Assert.Equal([16, 16, 11, 11], layer.VisualTokensByLayer);
        Assert.Equal([16, 16, 16, 16], edit.VisualTokensByLayer);
        Assert.Equal(1, edited);
    }

    [Fact]
    public async Task It_stands_beside_plugins_in_comparisons_evaluations_and_refusals()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Pipeline both = plain.With("half", (VisualTokens t) => t.Keep([.. Enumerable.Range(0, 8)])).With("fitprune", new { Recipe = new[] { 2, 0, 2, 0 } });
        QuestionItem item = new("1", small.Picture, "abc?", "x", "");

        Comparison comparison = Measurer.Compare([both], Image.Load(small.Picture), "abc?", new MeasureOptions { Runs = 1, Generation = _short });
        EvaluationReport report = Evaluator.Run(both, [item], new EvaluationOptions { MaxNewTokens = 2 });
        string refused = Assert.Throws<ApertureException>(() => plain.With("beyond", 9, (ILayerContext _, Tensor _) => null).Build()).Message;

        Assert.Equal(["none", "random", "pooling", "downsample", "half + fitprune"], comparison.Rows.Select(row => row.Label.Split('(')[0]));
        Assert.Equal([6, 6, 4, 4], comparison.Rows[4].VisualTokensByLayer);
        Assert.StartsWith("half + fitprune", report.Label, StringComparison.Ordinal);
        Assert.StartsWith("beyond names layer 9", refused, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_no_method_is_refused_with_what_to_do()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        string neither = Assert.Throws<ApertureException>(() => plain.With(new Neither())).Message;
        string wrong = Assert.Throws<ApertureException>(() => plain.With("mine", (int i) => i)).Message;
        string beyond = (
            await Assert.ThrowsAsync<ApertureException>(
                () => plain.With("far", (VisualTokens t) => t.Keep([16])).Ask(Image.Load(small.Picture), "abc?", _short))).Message;

        Assert.Contains("neither an ITokenReducer nor an ILayerRouter", neither, StringComparison.Ordinal);
        Assert.Contains("(VisualTokens t) =>", wrong, StringComparison.Ordinal);
        Assert.Contains("Row 16 cannot be kept: the picture has 16 tokens", beyond, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pipelines_borrow_the_object()
    {
        await using EngineSession session = small.Open();
        FirstTokens own = new(7);
        Pipeline first = session.Load(small.Folder).With(own);
        Pipeline second = first.Plain().With(own).With("random", new { Tokens = 3 });

        await first.Ask(Image.Load(small.Picture), "abc?", _short);
        first.Dispose();
        Answer answer = await second.Ask(Image.Load(small.Picture), "abc?", _short);

        Assert.False(own.IsDisposed);
        Assert.Equal(3, answer.VisualTokens);
    }

    // All rows but the last so many visual ones.
    private static RowSelection Without(ILayerContext context, int count)
    {
        SequenceLayout layout = context.Layout(0);
        return new RowSelection([[.. Enumerable.Range(0, layout.Count).Except(layout.Rows(SpanKind.Image).TakeLast(count))]]);
    }

    private sealed class FirstTokens(int keep) : ITokenReducer
    {
        public bool IsDisposed { get; private set; }

        public string Name => "first-tokens";

        public void Declare(IReducerSites sites) => sites.BeforeDecoder((_, tokens) => tokens.Keep([.. Enumerable.Range(0, keep)]));

        public void Dispose() => IsDisposed = true;
    }

    private sealed class Neither : IDecoderMethod
    {
        public string Name => "neither";

        public void Dispose()
        {
        }
    }
}
