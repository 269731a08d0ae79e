using System.Text.Json;
using Aperture.Plugins.E3FaceNet.Fields;
using Aperture.Plugins.E3FaceNet.Model;
using Aperture.Plugins.E3FaceNet.Synthesis;
using Aperture.Tasks;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.E3FaceNet;

/// <summary>A picture by the smoothed generator of a training pickle; every pickle of the case's folder gives the same.</summary>
public sealed class CheckpointRunRunner : IGoldenRunner
{
    public string Area => RecordedFace.AreaName;

    public string Kind => "checkpoint_run";

    // Products of float32 round as the processor's kernels sum: 1.3e-3 of the largest value on an AMD EPYC, below 5e-4 there too with MKL_CBWR=COMPATIBLE.
    private const double RoundedByProcessor = 2e-3;

    public void Run(GoldenCase golden)
    {
        using DisposeScope scope = NewDisposeScope();
        using IDisposable quiet = no_grad();
        string[] files = Directory.GetFiles(golden.FileBeside("checkpoint"), "*.pkl");
        Assert.NotEmpty(files);
        foreach (string file in files)
        {
            using FaceCheckpoint checkpoint = FaceCheckpoint.Open(file);
            using FaceModel model = RecordedFace.Open(golden, checkpoint.Generator);
            Assert.Empty(model.Unused);
            Tensor world = RecordedFace.World(golden, model.Config);
            Tensor styles = model.Styles(golden.Get("in.z"), golden.Get("in.t"), 0.7); // as the case's source says
            using PromptTables prompt = model.Prepare(golden.Get("in.tokens"), folded: true);
            RenderSettings how = RecordedFace.Render(model);
            (Tensor low, Tensor picture) = RecordedFace.Picture(
                model, world, styles, golden.Get("in.z_bg"), new PromptMix(prompt), how, TaskRun.Plain);
            golden.Compare("out.img_nerf", low);
            golden.Compare("out.image", picture, RoundedByProcessor);
        }
    }
}

/// <summary>What a loader must find in training pickles.</summary>
[Trait("Category", "Golden")]
public sealed class FaceCheckpointTests
{
    [SkippableFact]
    public void Every_tensor_of_every_network_is_found()
    {
        string[] lists =
        [
            .. GoldenFolders.InUse.Where(Directory.Exists)
                .SelectMany(folder => Directory.EnumerateFiles(folder, "manifest.json", SearchOption.AllDirectories)).Where(IsFace),
        ];
        Skip.If(lists.Length == 0, "no training pickle among the cases in use");

        Assert.All(lists, list =>
        {
            using DisposeScope scope = NewDisposeScope();
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
            foreach (JsonProperty file in json.RootElement.GetProperty("files").EnumerateObject())
            {
                foreach (string network in file.Value.EnumerateArray().Select(name => name.GetString()!))
                {
                    string path = Path.Combine(Path.GetDirectoryName(list)!, file.Name);
                    using IWeightSource source = WeightFiles.Open(path, new WeightFileOptions { Lenient = true, Container = network });
                    CheckpointTensors.Check(json.RootElement.GetProperty(network), source);
                }
            }
        });
    }

    private static bool IsFace(string list) => Directory.GetFiles(Path.GetDirectoryName(list)!, "*.pkl").Length > 0
        && File.ReadAllText(list).Contains("fg_nerf", StringComparison.Ordinal);
}
