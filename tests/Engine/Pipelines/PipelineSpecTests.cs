using System.Reflection;
using Aperture.Generation;
using Aperture.Images;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Vision;

namespace Aperture.Engine.Tests.Pipelines;

/// <summary>Pipelines in writing.</summary>
[Collection(WholeProcess.Name)]
public sealed class PipelineSpecTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    private static readonly GenerationOptions _short = new() { MaxNewTokens = 4 };
    private static readonly ModelOptions _opened = new() { Type = "float32", Threads = 1 };

    [Fact]
    public void What_is_written_is_read_again()
    {
        MethodUse[] methods = [MethodUse.Parse("fitprune:Recipe=[6,0,5,0]"), MethodUse.Parse("random"), MethodUse.Parse("dyvte:Threshold=0.9")];
        PipelineSpec spec = new("tiny-llava", methods) { Options = _opened };
        PipelineSpec bare = new("tiny-llava", []);

        PipelineSpec read = PipelineSpec.Parse(spec.ToJson());

        Assert.Equal(spec, read);
        Assert.Equal(["fitprune", "random", "dyvte"], read.Methods.Select(method => method.Name));
        Assert.Equal("fitprune(Recipe=[6,0,5,0])", read.Methods[0].Label); // on one line, though the file has it on several
        Assert.Equal(bare, PipelineSpec.Parse(bare.ToJson()));
        Assert.NotEqual(spec, read with { Methods = [.. read.Methods.Reverse()] });
        Assert.NotEqual(spec, read with { Options = null });
    }

    [Fact]
    public void Every_way_to_open_a_model_can_be_written()
    {
        ModelOptions all = new()
        {
            Device = "cuda:1",
            Type = "bfloat16",
            Weights = "int8",
            Cache = "bf16",
            Threads = 3,
            Aspect = ImageAspect.Crop,
            Tower = "tower",
            Adapters = "adapters.pth",
            Adapter = "lora",
            CutPrompt = true,
            Encoder = "InputImageSize=768",
            Prompt = "vicuna_v1",
            Family = "llava",
        };
        ModelOptions defaults = new();
        Assert.All(
            typeof(ModelOptions).GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(property => property.SetMethod is not null),
            property => Assert.NotEqual(property.GetValue(defaults), property.GetValue(all)));

        Assert.Equal(all, PipelineSpec.Parse(new PipelineSpec("m", []) { Options = all }.ToJson()).Options);
        Assert.Equal(defaults, PipelineSpec.Parse(new PipelineSpec("m", []) { Options = defaults }.ToJson()).Options);
    }

    [Fact]
    public async Task A_written_pipeline_answers_as_the_one_that_was_written()
    {
        await using EngineSession session = small.Open();
        Image picture = Image.Load(small.Picture);
        Pipeline built = session.Load(small.Folder).With("random", new { Tokens = 12 }).With("fitprune", new { Recipe = new[] { 6, 0, 3, 0 } });
        string file = built.Spec.Save(Path.Combine(small.Root, "saved.json"));
        string beside = Path.Combine(small.Root, "beside.json");
        const string First = """{"name": "random", "options": {"Tokens": 12}}""", Second = """{"name": "fitprune", "options": {"Recipe": [6, 0, 3, 0]}}""";
        File.WriteAllText(beside, $$"""{"model": "small", "methods": [{{First}}, {{Second}}]}""");

        Answer expected = await built.Ask(picture, "abc?", _short);
        Pipeline[] loaded = [session.Load(built.Spec), session.Load(file), session.Load(beside), session.Load(PipelineSpec.Parse(built.Spec.ToJson()))];

        foreach (Pipeline pipeline in loaded)
        {
            Answer answer = await pipeline.Ask(picture, "abc?", _short);
            Assert.Equal(built.Label, pipeline.Label);
            Assert.Equal(expected.Tokens, answer.Tokens);
            Assert.Equal([6, 6, 3, 3], answer.VisualTokensByLayer);
        }

        Assert.Single(session.Models);
        Assert.Equal(built.Spec, session.Load(file).Spec);
        Assert.Equal("bfloat16", session.Load(file, new ModelOptions { Type = "bfloat16", Threads = 1 }).Spec.Options!.Type);
    }

    [Theory]
    [InlineData("{\"model\": \"small\", \"method\": []}", "'method' is not known here")]
    [InlineData("{\"model\": \"small\", \"\": 1}", "'' is not known here")]
    [InlineData("{\"model\": \"small\", \"options\": {\"dtype\": \"float32\"}}", "options: 'dtype' is not known here")]
    [InlineData("{\"model\": \"small\", \"options\": [1]}", "options is [1] but must be an object")]
    [InlineData("{\"model\": \"small\", \"options\": {\"threads\": \"two\"}}", "threads is \"two\" but must be an integer")]
    [InlineData("{\"model\": \"small\", \"options\": {\"type\": 16}}", "type is 16 but must be text")]
    [InlineData("{\"model\": \"small\", \"options\": {\"aspect\": \"wide\"}}", "aspect 'wide' is not known")]
    [InlineData("{\"model\": 3}", "model is 3 but must be text")]
    [InlineData("{\"methods\": []}", "names no model")]
    [InlineData("{\"model\": \"small\", \"methods\": {}}", "methods must be a list")]
    [InlineData("{\"model\": \"small\", \"methods\": [3]}", "a method must be an object with a name")]
    [InlineData("{\"model\": \"small\", \"methods\": [{\"name\": 3}]}", "a method must be an object with a name")]
    [InlineData("{\"model\": \"small\", \"methods\": [{\"name\": \"random\", \"option\": {}}]}", "random: 'option' is not known here")]
    [InlineData("{\"model\": \"small\", \"methods\": [{\"name\": \"random\", \"options\": 5}]}", "random: options must be an object")]
    [InlineData("{\"model\": \"small\", \"version\": 2}", "version 2")]
    [InlineData("{\"model\": \"small\", \"format\": \"other\"}", "format 'other'")]
    [InlineData("[]", "holds no pipeline")]
    [InlineData("{\"model\": ", "not valid JSON")]
    public async Task A_damaged_file_is_one_line_that_names_file_and_property(string content, string named)
    {
        await using EngineSession session = small.Open();
        string file = Path.Combine(small.Root, "damaged.json");
        File.WriteAllText(file, content);

        string message = Assert.Throws<ApertureException>(() => session.Load(file)).Message;

        Assert.StartsWith(file, message, StringComparison.Ordinal);
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public async Task Unknown_models_and_methods_are_named()
    {
        await using EngineSession session = small.Open();
        string OneLine(Func<object> act, string named)
        {
            string message = Assert.ThrowsAny<ApertureException>(act).Message;
            Assert.Contains(named, message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', message);
            return message;
        }

        OneLine(() => session.Load(new PipelineSpec("no-such-model", [])), "no-such-model");
        OneLine(() => session.Load(Path.Combine(small.Root, "absent.json")), "absent.json");
        OneLine(() => session.Load(new PipelineSpec(small.Folder, [MethodUse.Parse("nosuch")])).Build(), "nosuch");
        OneLine(() => session.Load(new PipelineSpec(small.Folder, [MethodUse.Parse("fitprune:Redution=0.6")])).Build(), "Redution");
        OneLine(() => PipelineSpec.Parse("{"), "The pipeline is not JSON");
    }

    [Fact]
    public async Task A_method_that_was_written_in_a_script_cannot_be_written_down()
    {
        await using EngineSession session = small.Open();
        Pipeline own = session.Load(small.Folder).With("random").With("my half", (VisualTokens tokens) => tokens);
        string file = Path.Combine(small.Root, "own.json");

        string message = Assert.Throws<ApertureException>(() => own.Spec.ToJson()).Message;

        Assert.Contains("'my half'", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        Assert.Equal(message, Assert.Throws<ApertureException>(() => own.Spec.Save(file)).Message);
        Assert.False(File.Exists(file));
        Assert.Contains("own.txt", Assert.Throws<ApertureException>(() => session.Load(small.Folder).Spec.Save("own.txt")).Message, StringComparison.Ordinal);
        Assert.NotEmpty((await session.Load(own.Spec).Ask(Image.Load(small.Picture), "abc?", _short)).Tokens); // within the session it is the object itself
    }
}
