using Aperture.Decoding;
using Aperture.Models;
using Aperture.Sequences;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Hooks on a picture's features, tokens and rows inside the encoder that give what does not belong: one line, and no tensor left.</summary>
[Collection(DecodingCollection.Name)]
public sealed class WrongPictureHookTests
{
    private const string Projector = "wrong, before the projector: ", Decoder = "wrong, before the decoder: ",
        Block = "wrong, vision block 2, before attention: ", Convert = "; convert with .to_type.", Move = "; make them with device: rows.device.",
        Alive = " that are disposed; give a tensor that is alive, which the host disposes.";

    private static readonly VisualGrid _grid = new(2, 3);

    private static readonly Dictionary<string, (Func<VisualTokens, VisualTokens> Hook, string Told)> _tokens = new(StringComparer.Ordinal)
    {
        ["null"] = (_ => null!, "gave null where tokens belong."),
        ["no rows"] = (tokens => tokens with { Rows = null! }, "gave null where rows belong."),
        ["disposed"] = (tokens =>
        {
            tokens.Rows.Dispose();
            return tokens;
        }, "gave rows" + Alive),
        ["rows"] = (tokens => tokens with { Rows = zeros(5, 4) }, "gave 5 rows, but segments of 6; give a place for each row."),
        ["width"] = (tokens => tokens with { Rows = zeros(6, 5) }, "gave rows of shape [6, 5] where [rows, 4] belong."),
        ["dimensions"] = (tokens => tokens with { Rows = zeros(1, 6, 4) }, "gave rows of shape [1, 6, 4] where [rows, 4] belong."),
        ["type"] = (tokens => tokens with { Rows = zeros(6, 4, ScalarType.Float64) }, "gave rows of type Float64 where Float32 belongs" + Convert),
        ["device"] = (tokens => tokens with { Rows = zeros(6, 4, device: META) }, "gave rows on meta where cpu belongs" + Move),
        ["none left"] = (tokens => tokens.Keep([]), "left none of 6 visual tokens; keep at least one, or ask without the picture."),
        ["row outside"] = (tokens => tokens.Keep([0, 6]), "Row 6 cannot be kept: the picture has 6 tokens, 0 to 5."),
        ["row twice"] = (tokens => tokens.Keep([0, 1, 0]), "Row 0 is kept twice; name each row once."),
        ["places"] = (tokens => tokens with { Segments = [new VisualSegment(6) { Grid = _grid, Places = [0, 1] }] },
            "gave segment 0 2 places for 6 rows."),
        ["place outside"] = (_ => new VisualTokens(zeros(2, 4), _grid, [0, 6]), "gave row 1 of segment 0 the place 6, but its grid of 2x3 has places 0 to 5."),
        ["place twice"] = (_ => new VisualTokens(zeros(3, 4), _grid, [4, -1, 4]),
            "gave rows 0 and 2 of segment 0 the same place 4; merged rows list theirs as sources."),
        ["source outside"] = (_ => new VisualTokens(zeros(1, 4), [new VisualSegment(1) { Grid = _grid, Places = [0], Sources = [[0, 9]] }]),
            "gave row 0 of segment 0 the source 9, but its grid of 2x3 has places 0 to 5."),
        ["separator outside"] = (_ => new VisualTokens(zeros(1, 4), [new VisualSegment(1) { Grid = _grid, Separators = [1] }]),
            "gave segment 0 the separator 1 behind -1; separators ascend among its 1 rows."),
        ["throws"] = (_ => throw new InvalidDataException("no"), "InvalidDataException: no"),
    };

    private static readonly Dictionary<string, (Func<VisionFeatures, VisionFeatures> Hook, string Told)> _features = new(StringComparer.Ordinal)
    {
        ["null"] = (_ => null!, "gave null where features belong."),
        ["rows"] = (features => features with { Tokens = zeros(7, 4) }, "gave 7 rows, but segments of 6; give a place for each row."),
        ["width"] = (features => features with { Tokens = zeros(6, 3) }, "gave rows of shape [6, 3] where [rows, 4] belong."),
        ["type"] = (features => features with { Tokens = zeros(6, 4, ScalarType.BFloat16) }, "gave rows of type BFloat16 where Float32 belongs" + Convert),
        ["device"] = (features => features with { Tokens = zeros(6, 4, device: META) }, "gave rows on meta where cpu belongs" + Move),
        ["state"] = (features =>
        {
            features.HiddenStates[1].Dispose();
            return features;
        }, "gave hidden states" + Alive),
        ["none left"] = (_ => new VisionFeatures(zeros(0, 4), [new VisualSegment(0)]),
            "left none of 6 visual tokens; keep at least one, or ask without the picture."),
        ["throws"] = (_ => throw new InvalidDataException("no"), "InvalidDataException: no"),
    };

    private static readonly Dictionary<string, (Func<IVisionContext, Tensor, Tensor?> Hook, string Told)> _rows = new(StringComparer.Ordinal)
    {
        ["batch"] = ((_, _) => zeros(2, 5, 4), "gave rows of shape [2, 5, 4] where [1, rows, 4] belong."),
        ["width"] = ((_, _) => zeros(1, 5, 3), "gave rows of shape [1, 5, 3] where [1, rows, 4] belong."),
        ["type"] = ((_, _) => zeros(1, 5, 4, ScalarType.Float64), "gave rows of type Float64 where Float32 belongs" + Convert),
        ["device"] = ((_, _) => zeros(1, 5, 4, device: META), "gave rows on meta where cpu belongs" + Move),
        ["disposed"] = ((_, _) =>
        {
            Tensor rows = zeros(1, 5, 4);
            rows.Dispose();
            return rows;
        }, "gave rows" + Alive),
        ["lent"] = ((_, rows) =>
        {
            rows.Dispose();
            return null;
        }, "disposed the rows that it was lent; they are the host's."),
        ["kept"] = ((context, _) =>
        {
            context.Keep([0, 2]);
            return zeros(1, 3, 4);
        }, "gave rows of shape [1, 3, 4] where [1, 2, 4] belong."),
        ["not said"] = ((_, _) => zeros(1, 3, 4), "gave 3 rows for 5 without saying which go on; call Keep on its context."),
        ["new row"] = ((context, _) =>
        {
            context.Keep([0, -1]);
            return zeros(1, 2, 4);
        }, "kept a new row (-1), which has nothing that attention could be added to; add rows before a block."),
        ["throws"] = ((_, _) => throw new InvalidDataException("no"), "InvalidDataException: no"),
    };

    public static TheoryData<string> TokenNames => [.. _tokens.Keys];

    public static TheoryData<string> FeatureNames => [.. _features.Keys];

    public static TheoryData<string> RowNames => [.. _rows.Keys];

    [Theory]
    [MemberData(nameof(TokenNames))]
    public void Wrong_tokens_are_told_in_one_line(string name)
    {
        (Func<VisualTokens, VisualTokens> hook, string told) = _tokens[name];
        BeforeDecoderHook guarded = Table(new ProbeReducer("wrong", sites => sites.BeforeDecoder((_, tokens) => hook(tokens)))).BeforeDecoder[0];

        LiveTensors.MustNotGrow(() => Assert.Equal(
            Decoder + told,
            Assert.Throws<ApertureException>(() => guarded(null!, new VisualTokens(ones(6, 4), _grid, [0, 1, 2, 3, 4, 5]))).Message));
    }

    [Theory]
    [MemberData(nameof(FeatureNames))]
    public void Wrong_features_are_told_in_one_line(string name)
    {
        (Func<VisionFeatures, VisionFeatures> hook, string told) = _features[name];
        BeforeProjectorHook guarded = Table(new ProbeReducer("wrong", sites => sites.BeforeProjector((_, features) => hook(features)))).BeforeProjector[0];

        LiveTensors.MustNotGrow(() => Assert.Equal(
            Projector + told,
            Assert.Throws<ApertureException>(() => guarded(
                null!, new VisionFeatures(ones(6, 4), _grid) { HiddenStates = new Dictionary<int, Tensor> { [1] = ones(6, 4) } })).Message));
    }

    [Theory]
    [MemberData(nameof(RowNames))]
    public void Wrong_rows_inside_the_encoder_are_told_in_one_line(string name)
    {
        (Func<IVisionContext, Tensor, Tensor?> hook, string told) = _rows[name];
        HookTable table = Table(new ProbeRouter("wrong", sites => sites.Vision(new VisionTrunkHooks { BeforeAttention = hook })));

        LiveTensors.MustNotGrow(() =>
        {
            using Tensor rows = ones(1, 5, 4);
            Assert.Equal(Block + told, Assert.Throws<ApertureException>(() => table.Vision!.BeforeAttention!(new Context(2), rows)).Message);
        });
    }

    [Fact]
    public void What_fits_passes_as_it_is()
    {
        using VisualTokens tokens = new(ones(6, 4), _grid, [0, 1, 2, 3, 4, 5]);
        using Tensor rows = ones(1, 5, 4), fewer = ones(1, 2, 4);
        HookTable table = Table(
            new ProbeReducer("fine", sites => sites.BeforeDecoder((_, given) => given)),
            new ProbeRouter("fine too", sites => sites.Vision(new VisionTrunkHooks
            {
                AfterEmbedding = (context, _) =>
                {
                    context.Keep([0, 3]);
                    return fewer;
                },
                BeforeBlock = (_, given) => given,
            })));
        Context context = new(-1);

        Assert.Same(tokens, table.BeforeDecoder[0](null!, tokens));
        Assert.Same(fewer, table.Vision!.AfterEmbedding!(context, rows));
        Assert.Equal([0, 3], context.Kept!);
        Assert.Same(rows, table.Vision.BeforeBlock!(context, rows));
        Assert.Null(table.Vision.AfterBlock);
    }

    private static HookTable Table(params IDecoderMethod[] methods)
    {
        DecoderInfo info = new()
        {
            Model = "small",
            Layers = 1,
            HiddenSize = 4,
            IntermediateSize = 4,
            Heads = 1,
            KeyValueHeads = 1,
            HeadSize = 4,
            VocabularySize = 4,
        };
        return HookTableBuilder.Build(info, methods);
    }

    private sealed class Context(int block) : IVisionContext
    {
        public int[]? Kept { get; private set; }

        public IRequestContext? Request => null;

        public int Block => block;

        public IReadOnlyList<PictureTile> Pictures => [];

        public VisualGrid Grid => new(2, 2);

        public int Front => 1;

        public IReadOnlyList<int> Places => [-1, 0, 1, 2, 3];

        public CancellationToken Cancellation => default;

        public void Keep(int[] rows) => Kept = rows;
    }
}
