using Aperture.Decoding;
using Aperture.Engine.Tests.Decoding;
using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Plugins;
using Aperture.Requests;
using Aperture.Vision;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>What <c>With</c> refuses at once: names that nobody has, options that a method has not, and the same method twice.</summary>
[Collection(WholeProcess.Name)]
public sealed class MethodNamesTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public async Task A_typo_in_a_name_fails_where_it_is_written_with_the_nearest_names_of_plugins_not_loaded_yet()
    {
        await using EngineSession session = EngineSessions.OpenAlone();
        Pipeline plain = session.Load(small.Folder);
        Assert.DoesNotContain(session.Plugins.Plugins, plugin => plugin.Entry.Id == "fitprune" && plugin.Leases > 0);

        string message = Refusal(() => plain.With("fitprnue"));

        Assert.StartsWith("There is no method 'fitprnue'; did you mean fitprune? There are ", message, StringComparison.Ordinal);
        Assert.StartsWith("There is no method 'quantise'; there are ", Refusal(() => plain.With("quantise")), StringComparison.Ordinal);
        Assert.Equal("FITPRUNE", plain.With("FITPRUNE").Methods[0].Name);
    }

    [Fact]
    public async Task A_typo_in_an_option_fails_where_it_is_written()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);

        Assert.Equal(
            "pooling: unknown option 'Redution'; did you mean Reduction? It has Reduction, Keep, Tokens.",
            Refusal(() => plain.With("pooling", new { Redution = 1 })));
        Assert.Equal("pooling: unknown option 'Seed'; it has Reduction, Keep, Tokens.", Refusal(() => plain.With("pooling", new { Seed = 1 })));
        Assert.Single(plain.With("pooling", new { tokens = 5 }).Methods);
    }

    [Fact]
    public async Task A_typo_in_a_file_fails_when_it_is_opened()
    {
        await using EngineSession session = small.Open();
        PipelineSpec spec = new(small.Folder, [MethodUse.Parse("pooling:Tokns=5")]);

        Assert.StartsWith("pooling: unknown option 'Tokns'; did you mean Tokens?", Refusal(() => session.Load(spec)), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_same_method_twice_is_refused_and_with_other_options_told_once()
    {
        List<string> notices = [];
        await using EngineSession session = EngineSessions.Open(onNotice: notices.Add);
        Pipeline half = session.Load(small.Folder).With("random", new { Tokens = 8 });

        Assert.Equal(
            "random(Tokens=8) is in the pipeline already; leave one out, or give them different options.",
            Refusal(() => half.With("random", new { Tokens = 8 })));
        Pipeline quarter = half.With("random", new { Tokens = 4 });
        half.With("random", new { Tokens = 4 });

        Assert.Equal(["random acts 2 times in one pipeline: random(Tokens=4) works on what random(Tokens=8) leaves."], notices);
        Assert.Equal(4, (await quarter.Ask(Images.Image.Load(small.Picture), "abc?", new() { MaxNewTokens = 1 })).VisualTokens);
    }

    [Fact]
    public async Task One_object_twice_is_refused_and_two_functions_of_one_name_are_two_methods()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        ProbeReducer own = new("own", _ => { });
        AfterLayerHook hook = (_, _, _) => null;

        Assert.Equal(
            "own is in the pipeline already, and one object has one state a request; leave one out, or make a second object.",
            Refusal(() => plain.With(own).With(own)));
        Assert.Equal(2, plain.With("f", 1, hook).With("f", 2, hook).Build().Methods.Count);
    }

    [Fact]
    public async Task A_method_that_fails_is_told_by_name_and_place_and_leaves_no_tensor()
    {
        await using EngineSession session = small.Open();
        Pipeline plain = session.Load(small.Folder);
        Images.Image picture = Images.Image.Load(small.Picture);
        await plain.Ask(picture, "abc?", new() { MaxNewTokens = 1 });
        Pipeline[] wrong =
        [
            plain.With("half", (VisualTokens tokens) => tokens.Keep([0, 99])),
            plain.With("blind", (VisualTokens tokens) => tokens.Keep([])),
            plain.With("raw", (VisionFeatures features) => features with { Tokens = TorchSharp.torch.zeros(3, 16) }),
            plain.With(new ProbeRouter("tower", sites => sites.Vision(new VisionTrunkHooks { AfterBlock = (_, rows) => rows.mm(rows) }))),
        ];
        long before = LiveTensors.Settled();

        string[] told = [.. wrong.Select(pipeline => Refusal(() => pipeline.AskNow(picture, "abc?", null, null, CancellationToken.None)))];

        Assert.Equal(before, LiveTensors.Settled());
        Assert.Equal("half, before the decoder: Row 99 cannot be kept: the picture has 16 tokens, 0 to 15.", told[0]);
        Assert.Equal("blind, before the decoder: left none of 16 visual tokens; keep at least one, or ask without the picture.", told[1]);
        Assert.Equal("raw, before the projector: gave 3 rows, but segments of 16; give a place for each row.", told[2]);
        Assert.StartsWith("tower, vision block 0, after the block: libtorch: ", told[3], StringComparison.Ordinal);
        Answer answer = await plain.Ask(picture, "abc?", new() { MaxNewTokens = 1 });
        Assert.Equal(16, answer.VisualTokens);
    }

    private static string Refusal(Action action)
    {
        string message = Assert.Throws<ApertureException>(action).Message;
        Assert.DoesNotContain('\n', message);
        return message;
    }
}
