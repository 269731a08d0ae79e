using System.Reflection;
using Aperture.Comparing;
using Aperture.Data;
using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Engine.Tests.Pipelines;
using Aperture.Evaluation;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Measuring;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Sampling;
using Aperture.Training;
using Aperture.Vision;
using static TorchSharp.torch;

namespace Aperture.Engine.Tests.Requests;

/// <summary>
/// Every way to a model is the one request path: a method at every site is called at every site. No way appends rows to a live cache (a conversation is
/// packed whole), so the phase <see cref="DecoderPhase.Append"/> is a generation session's alone; the other phases are those that a way has.
/// </summary>
[Collection(WholeProcess.Name)]
public sealed class RequestPathTests(SmallLlava small) : IClassFixture<SmallLlava>, IDisposable
{
    private static readonly GenerationOptions _two = new() { MaxNewTokens = 2 };
    private readonly EverySite _method = new();
    private readonly Image _picture = Image.Load(small.Picture);

    public void Dispose() => _method.Dispose();

    [Fact]
    public void The_method_of_these_tests_stands_at_every_site_there_is()
    {
        IEnumerable<string> declared = new[] { typeof(IReducerSites), typeof(IRouterSites) }
            .SelectMany(sites => sites.GetMethods())
            .Where(method => !method.IsSpecialName && method.Name != nameof(IRouterSites.Vision))
            .Select(method => method.Name);
        IEnumerable<string> vision = typeof(VisionTrunkHooks).GetProperties(BindingFlags.Public | BindingFlags.Instance)
            .Where(hook => hook.PropertyType.IsAssignableTo(typeof(Delegate)))
            .Select(hook => "Vision." + hook.Name);

        Assert.Equal(declared.Concat(vision).Order(StringComparer.Ordinal), EverySite.PictureSites.Concat(EverySite.LayerSites).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Asking_calls_every_site_with_one_request_from_the_first_picture_on()
    {
        await using EngineSession session = small.Open();

        Answer answer = await session.Load(small.Folder).With(_method).Ask([_picture, _picture], "abc?", _two);

        Assert.Equal(EverySite.In(DecoderPhase.Prefill, DecoderPhase.Decode), _method.Sites);
        Assert.Single(_method.Requests);
        Assert.Equal([new PictureTile(0, 0), new PictureTile(1, 0)], _method.Pictures);
        Assert.Equal([(0, 0), (0, 1)], _method.Entered);
        Assert.Equal([true, true], _method.Traced);
        Assert.Equal(2 * 2 * EverySite.Macs, answer.Flops.Method); // two operations a multiply-accumulate, two pictures
    }

    [Fact]
    public async Task A_batch_calls_every_site_and_says_whose_picture_it_is()
    {
        await using EngineSession session = small.Open();

        IReadOnlyList<Answer> answers = await session.Load(small.Folder).With(_method).AskBatch([(_picture, "abc?"), (null, "abcd?"), (_picture, "ab?")], _two);

        Assert.Equal(EverySite.In(DecoderPhase.Prefill, DecoderPhase.Decode), _method.Sites);
        Assert.Single(_method.Requests);
        Assert.Equal([0, 2], _method.Pictures.Select(picture => picture.Sample));
        Assert.Equal([(0, 0), (2, 0)], _method.Entered);
        Assert.Equal([16, 0, 16], answers.Select(answer => answer.VisualTokens));
        Assert.All(answers, answer => Assert.Equal(2 * 2 * EverySite.Macs, answer.Flops.Method));
    }

    [Fact]
    public async Task A_method_at_every_site_that_changes_nothing_changes_no_bit()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        LastRows without = new(), with = new();

        Answer bare = await plain.With(without).Ask(_picture, "abc?", _two);
        Answer hooked = await plain.With(_method).With(with).Ask(_picture, "abc?", _two);

        Assert.Equal(without.Rows, with.Rows);
        Assert.Equal(bare.Tokens, hooked.Tokens);
        Assert.Equal(bare.Flops, hooked.Flops with { Method = 0 });
        Assert.Equal(bare.CacheBytes, hooked.CacheBytes);
    }

    [Fact]
    public async Task Nothing_hooked_has_nothing_to_call()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        HookTable empty = plain.With(new ProbeReducer("empty", _ => { })).Build().Hooks!;

        Assert.Null(plain.Hooks);
        Assert.Null(empty.Vision);
        Assert.Empty(empty.BeforeProjector);
        Assert.Empty(empty.BeforeDecoder);
        Assert.All(new[] { DecoderPhase.Prefill, DecoderPhase.Append, DecoderPhase.Decode, DecoderPhase.Train }, phase => Assert.Null(empty.Phase(phase)));
    }

    [Fact]
    public async Task A_benchmark_calls_every_site_and_times_hooks_inside_the_encoder()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        MeasureOptions once = new() { Runs = 1, Generation = _two };
        ProbeRouter slow = new("slow", sites => sites.Vision(new VisionTrunkHooks
        {
            AfterEmbedding = (_, _) =>
            {
                Thread.Sleep(30);
                return null;
            },
        }));

        Measurement measured = Measurer.Measure(plain.With(_method), _picture, "abc?", once);
        Measurement slept = Measurer.Measure(plain.With(slow), _picture, "abc?", once);

        Assert.Equal(EverySite.In(DecoderPhase.Prefill, DecoderPhase.Decode), _method.Sites);
        Assert.Equal(4, _method.Calls("Vision.AfterEmbedding")); // to count, for memory, for the stages and for the time in hooks
        Assert.Equal(2 * EverySite.Macs, measured.Flops.Method);
        Assert.InRange(slept.Times.Method, 29, 1000);
    }

    [Fact]
    public async Task Fitting_calls_every_site_of_a_prompt()
    {
        await using EngineSession session = small.Open();
        using SampledModel samples = new(session.Load(small.Folder).Model, Questions());

        samples.RunPrefill(0, _method, CancellationToken.None);

        Assert.Equal(EverySite.In(DecoderPhase.Prefill), _method.Sites); // nothing is generated
        Assert.Single(_method.Requests);
        Assert.Equal([new PictureTile(0, 0)], _method.Pictures);
    }

    [Fact]
    public async Task Analysis_calls_every_site_of_its_own_methods_and_of_the_pipelines()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        EverySite answering = new(), piped = new();
        using SampledModel samples = new(plain.Model, Questions(), pipelines: [plain.With(piped)]);
        WorkCounter counter = new();

        samples.RunPrefill(0, [_method], counter, CancellationToken.None);
        int[] tokens = samples.Answer(0, [answering], 2, CancellationToken.None);
        samples.Pipelines[0].Ask(0, 2, CancellationToken.None);

        Assert.Equal(EverySite.In(DecoderPhase.Prefill), _method.Sites);
        Assert.Equal(EverySite.Macs, counter.OwnMacs["every-site"]);
        Assert.Equal(2, tokens.Length);
        Assert.All([answering, piped], method => Assert.Equal(EverySite.In(DecoderPhase.Prefill, DecoderPhase.Decode), method.Sites));
    }

    [Fact]
    public void Training_calls_every_site_in_its_own_phase()
    {
        using OpenedModel opened = new(Repository.Path("scripts", "models", "tiny-llava"));
        TrainingExample[] examples = [.. TrainingFile.Read(Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl")).Take(2)];
        string output = Path.Combine(small.Root, "trained");
        using TrainingModel model = new(opened.Model, examples, output);
        using TrainingBatch batch = model.Batch([0, 1], CancellationToken.None);
        using (IDecoderRun run = batch.Begin([_method]))
        {
            run.RunTo(model.Decoder.Layers, CancellationToken.None);
        }

        Assert.Equal(EverySite.In(DecoderPhase.Train), _method.Sites); // a training forward is one phase, and nothing is generated
        Assert.Single(_method.Requests);
        Assert.Equal([0, 1], _method.Pictures.Select(picture => picture.Sample));
        Assert.Equal([(0, 0), (1, 0)], _method.Entered);
        Assert.Equal(1, _method.Calls("Vision.AfterEmbedding")); // the batch's pictures are encoded together
    }

    [Fact]
    public async Task A_request_cancelled_inside_the_encoder_ends_there_and_leaves_no_tensor()
    {
        await using EngineSession session = small.Open();
        Pipeline hooked = session.Load(small.Folder).With(_method);
        await hooked.Ask(_picture, "abc?", _two);
        long before = LiveTensors.Settled();
        using CancellationTokenSource source = new();
        bool seen = false;
        _method.OnPicture = context =>
        {
            source.Cancel();
            seen = context.Request!.Cancellation.IsCancellationRequested;
        };
        int entered = _method.Entered.Count;

        Assert.ThrowsAny<OperationCanceledException>(() => hooked.AskNow(_picture, "abc?", _two, null, source.Token));

        Assert.True(seen);
        Assert.Equal(entered, _method.Entered.Count);
        Assert.Equal(before, LiveTensors.Settled());
    }

    [Fact]
    public async Task A_given_answer_stands_behind_a_prompt_however_long()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        using SampledModel samples = new(plain.Model, Questions());
        int prompt = samples.Forced(0, [], run => run.Layout(0).Count, CancellationToken.None);

        (int Count, int[] Positions) forced = samples.Forced(
            0,
            [5, 6, 7],
            run => (run.Layout(0).Count, run.Layout(0).Positions.ToArray()),
            CancellationToken.None);

        Assert.Equal(prompt + 2, forced.Count); // the last token predicts nothing
        Assert.Equal(Enumerable.Range(0, prompt + 2), forced.Positions);
    }

    [Fact]
    public async Task A_limit_that_cut_the_prompt_does_not_cut_the_given_answer()
    {
        await using EngineSession session = small.Open();
        RequestPath path = new(session.Load(small.Folder).Model, null);
        PlaceholderPacker packer = new(imageToken: 32000) { MaxRows = 6 };
        PackedPrompt prompt = packer.Pack(new PackInput([.. Enumerable.Range(10, 9)], [], text => path.Decoder.Embed(text), null));

        using PackedPrompt whole = path.Follow(prompt, [40, 41]);

        using Tensor expected = path.Decoder.Embed([.. Enumerable.Range(10, 6), 40, 41]);

        Assert.Equal(expected.data<float>().ToArray(), whole.Rows.data<float>().ToArray());
        Assert.Equal(Enumerable.Range(0, 8), whole.Layout.Positions.ToArray());
        Assert.Equal(8, whole.Layout.NextPosition);
        Assert.Equal([0, 1, 2, 3, 4, 5, 9, 10], whole.Layout.Original.ToArray());
    }

    private QuestionItem[] Questions() => [new QuestionItem("1", small.Picture, "abc?", "x", "")];
}
