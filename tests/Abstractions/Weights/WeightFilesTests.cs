using System.Text;
using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

[Collection("tensors")]
public sealed class WeightFilesTests
{
    [Fact]
    public void Open_takes_one_file_before_shards_and_safetensors_before_pickles()
    {
        using TemporaryFolder folder = new();
        folder.Write("pytorch_model.bin", "not read"u8.ToArray());
        Save(folder["part.safetensors"], "sharded", 1);
        File.WriteAllText(folder["model.safetensors.index.json"], """{"metadata":{},"weight_map":{"sharded":"part.safetensors"}}""");

        using (IWeightSource sharded = WeightFiles.Open(folder.Root))
        {
            Assert.Equal(["sharded"], sharded.Names);
        }

        Save(folder["model.safetensors"], "single", 1);
        using IWeightSource single = WeightFiles.Open(folder.Root);
        Assert.Equal(["single"], single.Names);
    }

    [Fact]
    public void Open_takes_the_only_weights_file_of_a_folder_and_asks_when_there_are_two()
    {
        using TemporaryFolder folder = new();
        Assert.Contains("holds no weights", Assert.Throws<ApertureException>(() => WeightFiles.Open(folder.Root)).Message, StringComparison.Ordinal);
        Save(folder["projector.safetensors"], "w", 1);

        using (IWeightSource source = WeightFiles.Open(folder.Root))
        {
            Assert.Equal(["w"], source.Names);
        }

        Save(folder["other.safetensors"], "w", 1);
        Assert.Contains("name the one to open", Assert.Throws<ApertureException>(() => WeightFiles.Open(folder.Root)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_recognises_safetensors_by_content_and_says_what_a_pointer_file_is()
    {
        using TemporaryFolder folder = new();
        Save(folder["w.bin"], "w", 1);
        using IWeightSource source = WeightFiles.Open(folder["w.bin"]);
        Assert.Equal(["w"], source.Names);

        string pointer = folder.Write("pytorch_model.bin", Encoding.UTF8.GetBytes("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"));
        Assert.Contains("Git LFS pointer", Assert.Throws<ApertureException>(() => WeightFiles.Open(pointer)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"weight_map":{"w":"../w.safetensors"}}""", "plain names")]
    [InlineData("""{"weight_map":{"w":"/w.safetensors"}}""", "plain names")]
    [InlineData("""{"weight_map":{"w":".."}}""", "plain names")]
    [InlineData("""{"weight_map":{"w":"gone.safetensors"}}""", "not in its folder")]
    [InlineData("""{"weight_map":{"other":"w.safetensors"}}""", "does not hold it")]
    [InlineData("""{"weight_map":{"w":1}}""", "weight_map")]
    [InlineData("""{"weights":{}}""", "weight_map")]
    [InlineData("""[""", "weight_map")]
    public void Open_refuses_an_index_that_lies(string index, string fault)
    {
        using TemporaryFolder folder = new();
        Save(folder["w.safetensors"], "w", 1);
        File.WriteAllText(folder["model.safetensors.index.json"], index);

        Assert.Contains(fault, Assert.Throws<ApertureException>(() => WeightFiles.Open(folder.Root)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Combined_sources_let_the_last_one_win_and_close_what_they_own()
    {
        using TemporaryFolder folder = new();
        Save(folder["base.safetensors"], "w", 1);
        Save(folder["tuned.safetensors"], "w", 2);
        Save(folder["more.safetensors"], "v", 3);
        IWeightSource tuned = WeightFiles.Open(folder["tuned.safetensors"]);

        using (CombinedWeights all = new CombinedWeights([WeightFiles.Open(folder["base.safetensors"]), tuned, WeightFiles.Open(folder["more.safetensors"])]))
        {
            using Tensor w = all.Load("w");
            Assert.Equal(2, w.item<float>());
            Assert.Equal(["v", "w"], all.Names.Order());
            all.ReleasePages();
        }

        Assert.Throws<ObjectDisposedException>(() => tuned.Load("w"));
    }

    [Fact]
    public void Views_rename_and_choose_without_owning()
    {
        using TemporaryFolder folder = new();
        string path = folder["w.safetensors"];
        using Tensor values = torch.ones(2, 3);
        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { ["llm.a"] = values, ["llm.b"] = values, ["vision.a"] = values });
        using IWeightSource source = WeightFiles.Open(path);

        using (IWeightSource llm = source.Under("llm."))
        {
            Assert.Equal(["a", "b"], llm.Names.Order());
            Assert.Equal(["model.a", "model.b"], llm.WithPrefix("model.").Names.Order());
            Assert.Equal(["b"], llm.Where(name => name != "a").Names);
            Assert.Contains("no tensor 'vision.a'", Assert.Throws<ApertureException>(() => llm.Load("vision.a")).Message, StringComparison.Ordinal);
            llm.ReleasePages("a");
        }

        Assert.Contains(
            "would both be called 'a'", Assert.Throws<ApertureException>(() => source.Rename(name => name[(name.IndexOf('.') + 1)..])).Message,
            StringComparison.Ordinal);
        using Tensor still = source.Load("llm.a", -1, 3);
        Assert.Contains("this model needs [3, 3]", Assert.Throws<ApertureException>(() => source.Load("llm.a", 3, 3)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_loaded_copy_may_be_written_to_and_outlives_its_source()
    {
        using TemporaryFolder folder = new();
        Save(folder["w.safetensors"], "w", 5);
        long live = LiveTensors.Settled();
        Tensor copy;
        using (IWeightSource source = WeightFiles.Open(folder["w.safetensors"]))
        {
            copy = source.LoadCopy("w", ScalarType.Float64);
        }

        copy.add_(1);

        Assert.Equal(6.0, copy.item<double>());
        copy.Dispose();
        Assert.Equal(live, Tensor.TotalCount);
    }

    private static void Save(string path, string name, float value)
    {
        using Tensor tensor = torch.tensor(value);
        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { [name] = tensor });
    }
}
