using System.Text.Json;
using Aperture.Images;
using Aperture.Plugins.E3FaceNet.Training;
using Aperture.Tasks;
using Aperture.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Plugins.E3FaceNet.Tests;

/// <summary>Training through the door that the host uses.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class FaceTrainingTests(TinyFace tiny) : IClassFixture<TinyFace>
{
    [Fact]
    public void A_step_changes_the_discriminator_and_gives_the_generator_gradients_and_the_result_opens()
    {
        using ITaskTraining run = Begin("{}");
        Dictionary<string, Tensor> before = run.State.ToDictionary(pair => pair.Key, pair => pair.Value.clone());
        using (NewDisposeScope())
        {
            TrainingStep step = run.Step(0, [0, 1], CancellationToken.None);
            Assert.True(double.IsFinite(step.Loss!.item<float>()));
            step.Loss.backward();
        }

        Assert.All(run.Parameters.Where(pair => !pair.Key.Contains("torgb") || pair.Key.Contains("b32")), pair => Assert.NotNull(pair.Value.grad));
        bool Moved(string name) => !run.State[name].equal(before[name]).all().item<bool>();
        Assert.All(["D.b4.fc.weight", "D.squares.b4.fc.weight", "mapping.w_avg", "usual_path"], name => Assert.True(Moved(name), name));
        Assert.All(run.State.Where(pair => pair.Key.StartsWith("D.", StringComparison.Ordinal)), pair => Assert.False(pair.Value.requires_grad));
        foreach (Tensor tensor in before.Values)
        {
            tensor.Dispose();
        }

        TrainingResult result = run.Save();
        using FaceGenerator trained = tiny.Open(checkpoint: result.Files[0]);
        Assert.Equal(3, trained.Generate(TinyFace.Request, TaskRun.Plain).Count);
    }

    [Fact]
    public void A_step_depends_on_seed_and_number_alone()
    {
        double Loss(int step, string options = "{}")
        {
            using ITaskTraining run = Begin(options);
            using DisposeScope scope = NewDisposeScope();
            return run.Step(step, [0, 1], CancellationToken.None).Loss!.item<float>();
        }

        Assert.Equal(Loss(1), Loss(1));
        Assert.NotEqual(Loss(1), Loss(2));
        Assert.NotEqual(Loss(1), Loss(1, """{"Seed": 9}"""));
    }

    [Fact]
    public void Geometry_of_the_paper_is_another_loss()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor points = arange(0, 3 * 8 * 8, dtype: ScalarType.Float32).view(1, 3, 8, 8).sin();

        double published = FaceLosses.Geometry(points).item<float>(), paper = FaceLosses.GeometryOfNormals(points).item<float>();

        Assert.Equal(1.5 * FaceLosses.PointSmoothness(points).item<float>(), published, 1e-5);
        Assert.NotEqual(published, paper, 1e-3);
    }

    [Fact]
    public void Samples_that_lack_something_are_one_line_and_leave_no_tensor() => LiveTensors.MustNotGrow(() =>
    {
        TaskSample blind = Sample("a face") with { Pictures = [] };
        FaceErrorTests.AssertLine("sample 1 has 0 pictures and a sentence; give image and text", () => Begin("{}", [blind]).Dispose());
        FaceErrorTests.AssertLine("sample 1 has 1 pictures and no sentence", () => Begin("{}", [Sample(" ")]).Dispose());
        FaceErrorTests.AssertLine("the sentence of sample 2 has 40 tokens", () => Begin("{}", [Sample("a face"), Sample(new string('x', 40))]).Dispose());
        FaceErrorTests.AssertLine("There is no file 'nowhere'.", () => Begin("""{"Discriminator": "nowhere"}""").Dispose());
        FaceErrorTests.AssertLine("Geometry is none; it can be", () => Begin("""{"Geometry": "none"}""").Dispose());
    });

    internal static ITaskTraining Begin(TinyFace tiny, string options, TaskSample[]? samples = null)
    {
        samples ??= [Sample(tiny, "a face"), Sample(tiny, "an old one")];
        return new FaceFactory().BeginTraining(
            tiny.Checkpoint, samples, JsonElement.Parse(options), CPU, new FactoryFiles(tiny.Folder), tiny.Folder);
    }

    private ITaskTraining Begin(string options, TaskSample[]? samples = null) => Begin(tiny, options, samples);

    private TaskSample Sample(string text) => Sample(tiny, text);

    private static TaskSample Sample(TinyFace tiny, string text)
    {
        string path = Path.Combine(tiny.Folder, "photo.png");
        Image.FromRgb([.. Enumerable.Range(0, 40 * 40 * 3).Select(value => (byte)(value * 7))], 40, 40).SavePng(path);
        return new TaskSample([path], text, new Dictionary<string, double>());
    }
}
