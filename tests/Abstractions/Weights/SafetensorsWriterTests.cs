using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

[Collection("tensors")]
public sealed class SafetensorsWriterTests
{
    [Fact]
    public void Save_and_open_keep_values_types_shapes_and_metadata()
    {
        using TemporaryFolder folder = new();
        using DisposeScope scope = NewDisposeScope();
        ScalarType[] types =
        [
            ScalarType.Bool, ScalarType.Byte, ScalarType.Int8, ScalarType.Int16, ScalarType.Int32, ScalarType.Int64, ScalarType.Float16, ScalarType.BFloat16,
            ScalarType.Float32, ScalarType.Float64,
        ];
        Dictionary<string, Tensor> tensors = types.ToDictionary(type => $"of {type} \"ü\"", type => torch.arange(0, 15).remainder(2).reshape(3, 5).to(type));
        tensors.Add("scalar", torch.tensor(3.5f));
        tensors.Add("empty", torch.zeros(2, 0, 3));
        tensors.Add("transposed", torch.arange(6, ScalarType.Float32).reshape(2, 3).t());
        tensors.Add("complex", torch.ones(2, ScalarType.ComplexFloat32));
        string path = folder["all.safetensors"];

        SafetensorsWriter.Save(path, tensors, new Dictionary<string, string> { ["format"] = "pt", ["note"] = "中 \"" });

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(tensors.Keys.Order(StringComparer.Ordinal), file.Names.Order(StringComparer.Ordinal));
        Assert.Equal("中 \"", file.Metadata["note"]);
        foreach ((string? name, Tensor? tensor) in tensors)
        {
            using Tensor loaded = file.Load(name);
            Assert.Equal(tensor.dtype, loaded.dtype);
            Assert.Equal(tensor.shape, loaded.shape);
            Assert.True(tensor.Equals(loaded), name);
            Assert.True(loaded.numel() == 0 || MemoryMap.Contains(path, MemoryMap.Address(loaded)), $"{name} is not mapped in place");
        }
    }

    [Fact]
    public void A_file_that_is_not_completed_leaves_the_old_one_and_nothing_else()
    {
        using TemporaryFolder folder = new();
        using Tensor values = torch.ones(3);
        string path = folder["model.safetensors"];
        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { ["old"] = values });

        using (
            SafetensorsWriter writer = SafetensorsWriter.Create(
                path, [new TensorLayout("a", ScalarType.Float32, [3]), new TensorLayout("b", ScalarType.Float32, [3])]))
        {
            writer.Write("a", values);
            Assert.Throws<InvalidOperationException>(writer.Complete);
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        Assert.Equal(["old"], file.Names);
        Assert.Equal([path], Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void Replacing_a_file_does_not_disturb_who_has_it_open()
    {
        using TemporaryFolder folder = new();
        using Tensor ones = torch.ones(3);
        using Tensor zeros = torch.zeros(3);
        string path = folder["model.safetensors"];
        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { ["w"] = ones });
        using SafetensorsFile open = SafetensorsFile.Open(path);

        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { ["w"] = zeros });

        using Tensor before = open.Load("w");
        using SafetensorsFile reopened = SafetensorsFile.Open(path);
        using Tensor after = reopened.Load("w");
        Assert.True(before.Equals(ones));
        Assert.True(after.Equals(zeros));
    }

    [Fact]
    public void Write_refuses_what_the_layout_does_not_hold()
    {
        using TemporaryFolder folder = new();
        using Tensor values = torch.ones(3);
        using SafetensorsWriter writer = SafetensorsWriter.Create(folder["w.safetensors"], [new TensorLayout("a", ScalarType.Float32, [2])]);

        Assert.Contains("[3]", Assert.Throws<ArgumentException>(() => writer.Write("a", values)).Message, StringComparison.Ordinal);
        Assert.Throws<ArgumentException>(() => writer.Write("b", values));
    }

    [Fact]
    public void Create_refuses_names_and_types_that_the_format_does_not_hold()
    {
        using TemporaryFolder folder = new();
        string path = folder["w.safetensors"];

        Assert.Throws<ApertureException>(() => SafetensorsWriter.Create(path, [new TensorLayout("__metadata__", ScalarType.Float32, [2])]));
        Assert.Throws<ApertureException>(() => SafetensorsWriter.Create(path, [new TensorLayout("w", ScalarType.ComplexFloat64, [2])]));
        Assert.Throws<ApertureException>(
            () => SafetensorsWriter.Create(path, [new TensorLayout("w", ScalarType.Float32, [2]), new TensorLayout("w", ScalarType.Float32, [2])]));
        Assert.Throws<ApertureException>(
            () => SafetensorsWriter.Create(Path.Combine(folder.Root, "no", "folder"), [new TensorLayout("w", ScalarType.Float32, [2])]));
        Assert.Empty(Directory.GetFiles(folder.Root));
    }

    [Fact]
    public void Shards_are_filled_in_order_and_open_as_one_checkpoint()
    {
        using TemporaryFolder folder = new();
        using DisposeScope scope = NewDisposeScope();
        List<string> names = Enumerable.Range(0, 5).Select(i => $"layers.{i}.weight").ToList();
        List<TensorLayout> layout = names.ConvertAll(name => new TensorLayout(name, ScalarType.Float32, [10]));

        using (ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(folder.Root, layout, maxShardBytes: 80))
        {
            foreach ((int i, string? name) in names.Index().Reverse())
            {
                writer.Write(name, torch.full([10], (float)i));
            }

            Assert.DoesNotContain(Directory.GetFiles(folder.Root), path => path.EndsWith(".safetensors", StringComparison.Ordinal));
            writer.Complete();
        }

        Assert.Equal(
            ["model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors", "model-00003-of-00003.safetensors", "model.safetensors.index.json"],
            Directory.GetFiles(folder.Root).Select(Path.GetFileName).Order(StringComparer.Ordinal));
        using IWeightSource source = WeightFiles.Open(folder.Root);
        Assert.Equal(names, source.Names);
        foreach ((int i, string? name) in names.Index())
        {
            using Tensor loaded = source.Load(name);
            Assert.Equal(Enumerable.Repeat((float)i, 10), loaded.data<float>().ToArray());
        }
    }

    [Fact]
    public void A_forgotten_tensor_leaves_no_shard_behind()
    {
        using TemporaryFolder folder = new();
        using Tensor values = torch.ones(10);

        using (
            ShardedSafetensorsWriter writer = ShardedSafetensorsWriter.Create(
                folder.Root, [new TensorLayout("a", ScalarType.Float32, [10]), new TensorLayout("b", ScalarType.Float32, [10])], maxShardBytes: 40))
        {
            writer.Write("a", values);
            Assert.Throws<InvalidOperationException>(writer.Complete);
        }

        Assert.Empty(Directory.GetFiles(folder.Root));
    }
}
