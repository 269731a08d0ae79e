using System.Text.Json;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests.InstDiffEdit;

/// <summary>What a loader must find in a checkpoint in diffusers' layout.</summary>
[Trait("Category", "Golden")]
public sealed class DiffusionCheckpointTests
{
    [SkippableFact]
    public void Every_tensor_of_the_folders_is_found()
    {
        string[] lists =
        [
            .. GoldenFolders.InUse.Where(Directory.Exists).SelectMany(
                folder => Directory.EnumerateFiles(folder, "tensors.json", SearchOption.AllDirectories)).Where(IsDiffusion),
        ];
        Skip.If(lists.Length == 0 && !GoldenFolders.InUse.Contains(GoldenFolders.Own), "no diffusion checkpoint among the cases in use");

        Assert.NotEmpty(lists);
        Assert.All(lists, list =>
        {
            using DisposeScope scope = NewDisposeScope();
            using JsonDocument json = JsonDocument.Parse(File.ReadAllBytes(list));
            foreach (JsonProperty file in json.RootElement.EnumerateObject())
            {
                using IWeightSource source = WeightFiles.Open(Path.Combine(Path.GetDirectoryName(list)!, file.Name));
                CheckpointTensors.Check(file.Value, source);
            }
        });
    }

    private static bool IsDiffusion(string list) => File.Exists(Path.Combine(Path.GetDirectoryName(list)!, "unet", "config.json"));
}
