using System.Text.Json;
using Aperture.Decoding;
using Aperture.Models;
using Aperture.Vision;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Golden.Tests;

/// <summary>A tiny LaVIN in its published files: LLaMA of one rank and of several, adapter files, CLIP. Its folder is no case of its own.</summary>
[Trait("Category", "Golden")]
public sealed class LavinCheckpointTests
{
    private const string Name = "checkpoint-tiny-lavin", List = "tensors.json";
    private static readonly WeightFileOptions _asStored = new() { Lenient = true, StripModule = false };

    /// <summary>The folders in use, or the repository's own where these have none.</summary>
    public static TheoryData<string> Folders
    {
        get
        {
            string[] inUse = [.. GoldenFolders.InUse.SelectMany(Below)];
            return [.. inUse.Length > 0 ? inUse : Below(GoldenFolders.Own)];
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Every_file_holds_what_is_listed(string folder)
    {
        using JsonDocument list = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, List)));
        JsonProperty[] files = [.. list.RootElement.EnumerateObject().Where(entry => entry.Value.ValueKind is JsonValueKind.Object or JsonValueKind.Array)];

        Assert.NotEmpty(files);
        foreach (JsonProperty file in files)
        {
            using IWeightSource source = WeightFiles.Open(Path.Combine(folder, file.Name), _asStored);
            if (file.Value.ValueKind == JsonValueKind.Array)
            {
                Assert.Equal(
                    file.Value.EnumerateArray().Select(name => name.GetString()!).Order(StringComparer.Ordinal), source.Names.Order(StringComparer.Ordinal));
            }
            else if (file.Value.EnumerateObject().First().Value.ValueKind == JsonValueKind.Array)
            {
                Assert.Equal(
                    file.Value.EnumerateObject().Select(entry => entry.Name).Order(StringComparer.Ordinal), source.Names.Order(StringComparer.Ordinal));
                Assert.All(
                    file.Value.EnumerateObject(), entry
                        => Assert.Equal(entry.Value.EnumerateArray().Select(size => size.GetInt64()), source.Describe(entry.Name).Shape));
            }
            else
            {
                CheckpointTensors.Check(file.Value, source);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void The_ranks_join_to_the_whole_model(string folder)
    {
        using DisposeScope scope = NewDisposeScope();
        using MetaLlamaWeights one = MetaLlamaWeights.Open(Path.Combine(folder, "7B")), several = MetaLlamaWeights.Open(Path.Combine(folder, "13B"));

        Assert.Equal(one.Config, several.Config);
        Assert.Equal(one.Names.Order(StringComparer.Ordinal), several.Names.Order(StringComparer.Ordinal));
        Assert.All(one.Names, name => Assert.True(one.Load(name).equal(several.Load(name)).all().item<bool>(), name));
        using DecoderWeights loaded = DecoderWeights.Load(one, "model.", "lm_head", one.Config, WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float16));
        Assert.Equal(one.Names.Count, loaded.Named("model.", "lm_head").Count());
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void Adapters_and_tower_open_under_their_published_names(string folder)
    {
        using IWeightSource eas = WeightFiles.Open(Path.Combine(folder, "checkpoint-19.pth"), new WeightFileOptions { Lenient = true });
        using IWeightSource plain = WeightFiles.Open(Path.Combine(folder, "15-eph-plain-lavin.pth"), new WeightFileOptions { Lenient = true });
        using IWeightSource clip = WeightFiles.Open(Path.Combine(folder, "ViT-L-14.pt"), new WeightFileOptions { Lenient = true });
        OpenAiClipWeights tower = new(clip);
        VisionTransformerConfig sizes = tower.ReadConfig(heads: 1);

        Assert.All(eas.Names.Concat(plain.Names), name => Assert.DoesNotContain("module.", name, StringComparison.Ordinal));
        Assert.Contains("layers.0.replaced_adapter.conv_C.weight", eas.Names);
        Assert.DoesNotContain(plain.Names, name => name.Contains("replaced_adapter", StringComparison.Ordinal));
        WeightPolicy policy = WeightPolicy.For(CPU, ScalarType.Float32, ScalarType.Float16);
        using VisionTransformerWeights loaded = ClipVision.Load(tower, "", sizes, policy, sizes.Layers, postNorm: true);
        Assert.Equal(tower.Names.Order(StringComparer.Ordinal), loaded.Named.Select(entry => entry.Name).Order(StringComparer.Ordinal));
    }

    private static string[] Below(string root)
        => Path.GetFileName(Path.TrimEndingDirectorySeparator(root)) == Name ? [root]
            : Directory.Exists(root) ? Directory.GetDirectories(root, Name, SearchOption.AllDirectories)
            : [];
}
