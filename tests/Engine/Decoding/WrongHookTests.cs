using Aperture.Decoding;
using Aperture.Sequences;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Decoding;

/// <summary>Hooks that give what does not belong, at every site of a layer: one line with the method, the place and both values, and no tensor left.</summary>
[Collection(DecodingCollection.Name)]
public sealed class WrongHookTests
{
    private const string Before = "wrong, layer 1, before the layer: ", Reads = "wrong, layer 1, before attention: ", Ways = "wrong, layer 1, routing: ",
        Replaced = "wrong, layer 1, replacing it: ", Attended = "wrong, layer 1, after attention: ", After = "wrong, layer 1, after the layer: ";

    private const string Convert = "; convert with .to_type.", Move = "; make them with device: rows.device.",
        Alive = " that are disposed; give a tensor that is alive, which the host disposes.", Lent = "disposed the rows that it was lent; they are the host's.";

    private static readonly SequenceLayout[] _layouts = [SmallDecoder.LayoutOf(5), SmallDecoder.LayoutOf(3)];

    private static readonly Dictionary<string, (IDecoderMethod Method, string Told)> _wrong = new(StringComparer.Ordinal)
    {
        ["before layer, rows"] = (Layer((_, rows) => zeros(7, 24)), Before + "gave rows of shape [7, 24] where [8, 24] belong."),
        ["before layer, width"] = (Layer((_, rows) => zeros(8, 23)), Before + "gave rows of shape [8, 23] where [8, 24] belong."),
        ["before layer, dimensions"] = (Layer((_, rows) => zeros(1, 8, 24)), Before + "gave rows of shape [1, 8, 24] where [8, 24] belong."),
        ["before layer, type"] = (Layer((_, rows) => zeros(8, 24, ScalarType.Int64)),
            Before + "gave rows of type Int64 where a floating-point type belongs" + Convert),
        ["before layer, device"] = (Layer((_, rows) => Meta(8, 24)), Before + "gave rows on meta where cpu belongs" + Move),
        ["before layer, disposed"] = (Layer((_, rows) => Gone(8, 24)), Before + "gave rows" + Alive),
        ["before layer, lent"] = (Layer((_, rows) => Disposing(rows)), Before + Lent),
        ["before layer, throws"] = (Layer((_, rows) => throw new InvalidDataException("no such\nrow")), Before + "InvalidDataException: no such row"),
        ["before layer, refuses"] = (Layer((_, rows) => throw new ApertureException("wrong: Keep is 2; give 0 to 1.")), Before + "Keep is 2; give 0 to 1."),
        ["before layer, libtorch"] = (Layer((_, rows) => rows.mm(rows)),
            Before + "libtorch: mat1 and mat2 shapes cannot be multiplied (8x24 and 8x24)"),

        ["before attention, rows"] = (Attention((_, normed) => Input(zeros(8, 25))), Reads + "gave rows of shape [8, 25] where [8, 24] belong."),
        ["before attention, type"] = (Attention((_, normed) => Input(zeros(8, 24, ScalarType.Bool))),
            Reads + "gave rows of type Bool where a floating-point type belongs" + Convert),
        ["before attention, device"] = (Attention((_, normed) => Input(Meta(8, 24))), Reads + "gave rows on meta where cpu belongs" + Move),
        ["before attention, disposed"] = (Attention((_, normed) => Input(Gone(8, 24))), Reads + "gave rows" + Alive),
        ["before attention, lent"] = (Attention((_, normed) => Input(Disposing(normed))), Reads + Lent),
        ["before attention, throws"] = (Attention((_, normed) => throw new InvalidDataException("no")), Reads + "InvalidDataException: no"),
        ["before attention, changes"] = (Attention((_, normed) => new AttentionInput { Deltas = [null] }), Reads + "gave 1 changes of weights for 2 samples."),
        ["before attention, change of another size"] = (
            Attention((_, normed) => new AttentionInput { Deltas = [null, new AttentionDeltas(null, new WeightDelta { Full = _matrix }, null)] }),
            Reads + "gave k_proj Full of shape [4, 4] where [16, 24] belongs."),

        ["route, null"] = (Way((_, _, _) => null!), Ways + "gave null where one plan for each of 2 samples belongs."),
        ["route, plans"] = (Way((_, _, _) => [LayerRoute.Run]), Ways + "gave 1 where one plan for each of 2 samples belongs."),
        ["route, no plan"] = (Way((_, _, _) => [LayerRoute.Run, null!]), Ways + "gave no plan for sample 1."),
        ["route, undeclared"] = (Way((_, _, _) => [LayerRoute.Run, LayerRoute.Skip]),
            Ways + "answered Skip for sample 1, but declared Subset, Composite; declare what it may answer."),
        ["route, row outside"] = (Way((_, _, _) => [LayerRoute.Run, new LayerRoute.Subset([0, 3])]),
            Ways + "chose row 3 of sample 1, which has 3 rows, 0 to 2."),
        ["route, row twice"] = (Way((_, _, _) => [new LayerRoute.Subset([0, 2, 2]), LayerRoute.Run]),
            Ways + "Row 2 follows row 2 in the rows that run; they ascend, each once."),
        ["route, factors"] = (Way((_, _, _) => [LayerRoute.Run, new LayerRoute.Subset([0, 1]) { AttentionScale = ones(2), FeedForwardScale = ones(3) }]),
            Ways + "gave feed-forward factors of shape [3] and type Float32 for the 2 rows that run of sample 1."),
        ["route, disposed factors"] = (Way((_, _, _) => [LayerRoute.Run, new LayerRoute.Subset([0, 1]) { AttentionScale = Gone(2, 1) }]),
            Ways + "gave attention factors" + Alive),
        ["route, positions"] = (Way((_, _, _) => [new LayerRoute.Subset([0, 1]) { Positions = [[0, 1, 2]] }, LayerRoute.Run]),
            Ways + "gave 3 positions for the 2 rows that run of sample 0."),
        ["route, lent"] = (Way((_, rows, _) =>
        {
            rows.Dispose();
            return [LayerRoute.Run, LayerRoute.Run];
        }), Ways + Lent),
        ["route, throws"] = (Way((_, _, _) => throw new InvalidDataException("no")), Ways + "InvalidDataException: no"),

        ["composite, rows"] = (Instead(_ => zeros(2, 24)), Replaced + "gave rows of shape [2, 24] where [3, 24] belong."),
        ["composite, width"] = (Instead(_ => zeros(3, 12)), Replaced + "gave rows of shape [3, 12] where [3, 24] belong."),
        ["composite, type"] = (Instead(_ => zeros(3, 24, ScalarType.Int32)),
            Replaced + "gave rows of type Int32 where a floating-point type belongs" + Convert),
        ["composite, device"] = (Instead(_ => Meta(3, 24)), Replaced + "gave rows on meta where cpu belongs" + Move),
        ["composite, null"] = (Instead(_ => null!), Replaced + "gave null where rows belong."),
        ["composite, disposed"] = (Instead(_ => Gone(3, 24)), Replaced + "gave rows" + Alive),
        ["composite, feed-forward"] = (Instead(input =>
        {
            using Tensor narrow = zeros(3, 12);
            return input.FeedForward(narrow, null);
        }), Replaced + "gave rows to the feed-forward network of shape [3, 12] where [rows, 24] belong."),
        ["composite, throws"] = (Instead(_ => throw new InvalidDataException("no")), Replaced + "InvalidDataException: no"),

        ["after attention, samples"] = (Choice((_, _) => new RowSelection([null])), Attended + "chose rows of 1 samples where there are 2."),
        ["after attention, outside"] = (Choice((_, _) => new RowSelection([null, [1, 3]])), Attended + "chose row 3 of sample 1, which has 3 rows, 0 to 2."),
        ["after attention, descending"] = (Choice((_, _) => new RowSelection([[3, 1], null])),
            Attended + "Row 1 follows row 3 in the rows that go on of sample 0; they ascend, each once."),
        ["after attention, negative"] = (Choice((_, _) => new RowSelection([[-1], null])),
            Attended + "Row -1 cannot be among the rows that go on of sample 0; rows count from 0."),
        ["after attention, throws"] = (Choice((_, _) => throw new InvalidDataException("no")), Attended + "InvalidDataException: no"),

        ["after layer, outside"] = (Last((_, _, _) => new RowSelection([[0, 5], null])), After + "chose row 5 of sample 0, which has 5 rows, 0 to 4."),
        ["after layer, twice"] = (Last((_, _, _) => new RowSelection([null, [1, 1]])),
            After + "Row 1 follows row 1 in the rows that go on of sample 1; they ascend, each once."),
        ["after layer, lent"] = (Last((_, rows, _) =>
        {
            rows.Dispose();
            return null;
        }), After + Lent),
        ["after layer, throws"] = (Last((_, _, _) => throw new InvalidDataException("no")), After + "InvalidDataException: no"),

        ["begin, throws"] = (new FailingBegin(), "wrong, when the request begins: InvalidDataException: no"),
        ["all rows dropped"] = (Last((_, _, _) => new RowSelection([[], null])),
            "Every row of sequence 0 was dropped by the methods of the pipeline (wrong); its last row must stay, because the next token is read from it."),
    };

    private static readonly Tensor _matrix = zeros(4, 4);

    public static TheoryData<string> Names => [.. _wrong.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public void It_is_told_in_one_line_and_leaves_no_tensor(string name)
    {
        (IDecoderMethod method, string told) = _wrong[name];
        using SmallDecoder small = new();
        small.Prefill(_layouts, SmallDecoder.Ids(8)).Dispose(); // builds the rotary table, which stays
        HookTable table = small.Table(method);

        LiveTensors.MustNotGrow(() => Assert.Equal(told, Assert.Throws<ApertureException>(() => LastLogits(small, table)).Message));
    }

    [Fact]
    public void What_a_hook_threw_is_the_cause_and_cancelling_passes_as_it_is()
    {
        using SmallDecoder small = new();
        InvalidDataException thrown = new("no");

        ApertureException told = Assert.Throws<ApertureException>(() => LastLogits(small, small.Table(Layer((_, _) => throw thrown))));

        Assert.Same(thrown, told.InnerException);
        Assert.Throws<OperationCanceledException>(() => LastLogits(small, small.Table(Layer((_, _) => throw new OperationCanceledException()))));
    }

    [Fact]
    public void What_a_method_throws_when_it_declares_is_told_by_name()
    {
        using SmallDecoder small = new();

        ProbeReducer throwing = new("wrong", _ => throw new InvalidDataException("no"));
        ProbeReducer refusing = new("wrong", _ => throw new ApertureException("wrong: no."));

        ApertureException thrown = Assert.Throws<ApertureException>(() => small.Table(throwing));
        ApertureException refused = Assert.Throws<ApertureException>(() => small.Table(refusing));

        Assert.Equal("wrong, when it says where it acts: InvalidDataException: no", thrown.Message);
        Assert.Equal("wrong: no.", refused.Message);
    }

    [Fact]
    public void One_object_given_twice_is_refused()
    {
        using SmallDecoder small = new();
        IDecoderMethod method = Layer((_, _) => null);

        ApertureException refused = Assert.Throws<ApertureException>(() => small.Table(method, method));

        Assert.Equal("wrong is given twice as one object, which has one state a request; leave one out, or make a second object.", refused.Message);
    }

    [Fact]
    public void Rows_that_were_lent_may_be_given_back()
    {
        using SmallDecoder small = new();
        using Tensor plain = small.Prefill(_layouts, SmallDecoder.Ids(8));
        HookTable table = small.Table(
            Layer((_, rows) => rows),
            new ProbeRouter("lent", sites =>
            {
                sites.BeforeAttention(1, DecoderPhase.Prefill, (_, normed) => Input(normed));
                sites.BeforeAttention(1, DecoderPhase.Prefill, (_, normed) => Input(normed));
            }));
        HookTable identity = small.Table(Instead(input => input.Rows));

        LiveTensors.MustNotGrow(() =>
        {
            using Tensor lent = small.Prefill(_layouts, SmallDecoder.Ids(8), table);
            Near.Exactly(plain, lent);
            small.Prefill(_layouts, SmallDecoder.Ids(8), identity).Dispose();
        });
    }

    private static Tensor LastLogits(SmallDecoder small, HookTable table)
    {
        using IDisposable mode = inference_mode();
        using RequestContext request = small.Begin(_layouts, table);
        using ForwardState state = small.Decoder.Begin(request, DecoderPhase.Prefill, _layouts);
        using Tensor rows = small.Decoder.Run(state, small.Decoder.Embed(SmallDecoder.Ids(8)), CancellationToken.None);
        return small.Decoder.LastLogits(state, rows);
    }

    private static ProbeReducer Layer(BeforeLayerHook hook) => new("wrong", sites => sites.BeforeLayer(1, DecoderPhase.Prefill, hook));

    private static ProbeReducer Choice(AfterAttentionHook hook) => new("wrong", sites => sites.AfterAttention(1, DecoderPhase.Prefill, hook));

    private static ProbeReducer Last(AfterLayerHook hook) => new("wrong", sites => sites.AfterLayer(1, DecoderPhase.Prefill, needsAttention: false, hook));

    private static ProbeRouter Attention(BeforeAttentionHook hook) => new("wrong", sites => sites.BeforeAttention(1, DecoderPhase.Prefill, hook));

    private static ProbeRouter Way(RouteHook hook)
        => new("wrong", sites => sites.Route(1, DecoderPhase.Prefill, RouteUse.Subset | RouteUse.Composite, hook));

    // Sample 0 runs in part with a factor, which must not be left behind either.
    private static ProbeRouter Instead(CompositeLayer compute)
        => Way((_, _, _) => [new LayerRoute.Subset([0, 1]) { FeedForwardScale = ones(2) }, new LayerRoute.Composite(compute)]);

    private static AttentionInput Input(Tensor rows) => new() { Rows = rows };

    private static Tensor Meta(long rows, long width) => zeros(rows, width, device: META);

    private static Tensor Gone(long rows, long width) => Disposing(zeros(rows, width));

    private static Tensor Disposing(Tensor rows)
    {
        rows.Dispose();
        return rows;
    }

    private sealed class FailingBegin : ITokenReducer
    {
        public string Name => "wrong";

        public ISequenceState? Begin(IRequestContext request) => throw new InvalidDataException("no");

        public void Declare(IReducerSites sites)
        {
        }

        public void Dispose()
        {
        }
    }
}
