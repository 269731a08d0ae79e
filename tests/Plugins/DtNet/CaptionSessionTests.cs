using Aperture.Hub;
using Aperture.Models;
using Aperture.Pipelines;
using Aperture.Tasks;
using Aperture.Training;
using Aperture.Weights;
using static TorchSharp.torch;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>A DTNet through the host: recognised, opened from a plugin folder, trained, stopped and continued to the same numbers.</summary>
[Trait("Category", "Process")] // Starts none, but trains.
public sealed class CaptionSessionTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-dtnet-").FullName;
    private readonly string _checkpoint, _samples;

    public CaptionSessionTests()
    {
        _checkpoint = TinyCaptioner.Save(_folder, layers: 1);
        using Tensor all = TinyCaptioner.Features(4);
        Dictionary<string, Tensor> tensors = Enumerable.Range(0, 4).ToDictionary(picture => $"{picture}_features", picture => all[picture].contiguous());
        SafetensorsWriter.Save(Path.Combine(_folder, "grids.safetensors"), tensors);
        foreach (Tensor tensor in tensors.Values)
        {
            tensor.Dispose();
        }

        _samples = Path.Combine(_folder, "samples.jsonl");
        File.WriteAllLines(_samples, Enumerable.Range(0, 4).Select(picture => $$"""{"id": {{picture}}, "text": "a red ball on the left"}"""));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Both_stages_end_where_an_unbroken_run_does()
    {
        await using EngineSession session = new(
            new PluginHost(PluginCatalog.Read()), new HubCache(new HubSettings { CacheFolder = Path.Combine(Path.GetTempPath(), "aperture-no-cache") }),
            new ModelOptions());
        foreach (string stage in new[] { "CrossEntropy", "SelfCritical" })
        {
            object options = new
            {
                Stage = stage,
                Features = "grids.safetensors",
                Steps = 12,
                BatchSize = 2,
                OfficialRates = false,
                Rate = 0.001,
                LongestCaption = 6,
            };
            string whole = Path.Combine(_folder, stage + "-whole"), broken = Path.Combine(_folder, stage + "-broken");
            session.TrainTask(_checkpoint, _samples, whole, options: options);
            using (CancellationTokenSource stop = new())
            {
                Assert.Throws<OperationCanceledException>(() => session.TrainTask(_checkpoint, _samples, broken, "dtnet", options, new Stop(stop), stop.Token));
            }

            session.TrainTask(_checkpoint, _samples, broken, "dtnet", options);

            Assert.Equal(File.ReadAllBytes(Path.Combine(whole, "dtnet.safetensors")), File.ReadAllBytes(Path.Combine(broken, "dtnet.safetensors")));
        }

        OpenTask<ICaptioner> dtnet = session.LoadTask<ICaptioner>(_checkpoint, options: new { Features = "grids.safetensors" });
        TaskResult<IReadOnlyList<IReadOnlyList<ScoredCaption>>> captions = dtnet.Caption(
            [new CaptionInput(null) { Id = "0" }, new CaptionInput(null) { Id = "1" }], call: new TaskCall { Trace = name => name.Contains("route") });
        Assert.Equal(2, captions.Value.Count);
        Assert.Equal(["layer0.route_spatial", "layer0.route_channel"], captions.Trace.Select(value => value.Name));
        Assert.Equal(["features", "encoder", "decoder"], captions.Measure.Milliseconds.Keys);

        // The folder of a run says how its checkpoint is opened; what a user says goes before it.
        string run = Path.Combine(_folder, "CrossEntropy-whole"), features = Path.Combine(_folder, "grids.safetensors");
        CaptionInput[] first = [new CaptionInput(null) { Id = "0" }];
        Assert.Equal("""{"LongestCaption":6}""", TaskSettings.Of(run)!.Options!.ToJsonString());
        string Speak(string checkpoint, object options)
        {
            using OpenTask<ICaptioner> trained = session.LoadTask<ICaptioner>(checkpoint, options: options);
            return trained.Caption(first).Value[0][0].Text;
        }

        string spoken = Speak(Path.Combine(run, "dtnet.safetensors"), new { Features = features, LongestCaption = 3 });
        Assert.Equal(spoken, Speak(run, new { Features = features, LongestCaption = 3 }));
        Assert.True(spoken.Split(' ').Length < Speak(run, new { Features = features }).Split(' ').Length);
        new TaskSettings("dtnet", "other.pth", null).Write(run);
        Assert.Contains("there is no 'other.pth' beside it", Assert.Throws<ApertureException>(() => Speak(run, new { LongestCaption = 3 })).Message);
    }

    private sealed class Stop(CancellationTokenSource source) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => source.Cancel();
    }
}
