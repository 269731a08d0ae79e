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

        File.Delete(folder["model.safetensors.index.json"]);
        Save(folder["model.safetensors"], "single", 1);
        using IWeightSource single = WeightFiles.Open(folder.Root);
        Assert.Equal(["single"], single.Names);
    }

    [Theory]
    [InlineData("w", "part.safetensors", "taken is model.safetensors, which holds all that the other names")]
    [InlineData("other", "part.safetensors", "taken is model.safetensors.index.json, which names tensors that the other lacks, such as other")]
    [InlineData("other", "gone.safetensors", "taken is model.safetensors, which needs no shard 'gone.safetensors'")]
    public void A_single_file_beside_an_index_is_taken_if_it_is_whole_and_the_choice_is_told(string indexed, string shard, string says)
    {
        using TemporaryFolder folder = new();
        Save(folder["model.safetensors"], "w", 1);
        Save(folder["part.safetensors"], indexed, 1);
        File.WriteAllText(folder["model.safetensors.index.json"], $$$"""{"weight_map":{"{{{indexed}}}":"{{{shard}}}"}}""");
        List<string> told = [];

        using IWeightSource source = WeightFiles.Open(folder.Root, new WeightFileOptions { OnNotice = told.Add });

        Assert.Contains(says, Assert.Single(told), StringComparison.Ordinal);
        Assert.Equal([says.StartsWith("taken is model.safetensors,", StringComparison.Ordinal) ? "w" : indexed], source.Names);
    }

    [Fact]
    public void A_name_of_the_index_that_no_shard_holds_is_refused_when_it_is_asked_for()
    {
        using TemporaryFolder folder = new();
        Save(folder["part.safetensors"], "w", 1);
        File.WriteAllText(
            folder["model.safetensors.index.json"],
            """{"weight_map":{"w":"part.safetensors","rotary_emb.inv_freq":"part.safetensors","lm_head.weight":"part.safetensors"}}""");

        using ShardedWeights source = Assert.IsType<ShardedWeights>(WeightFiles.Open(folder.Root));

        Assert.Equal(["w"], source.Names);
        Assert.Equal(["rotary_emb.inv_freq", "lm_head.weight"], source.Absent);
        Assert.False(source.Contains("rotary_emb.inv_freq"));
        Assert.Contains(
            "'rotary_emb.inv_freq' in 'part.safetensors', which does not hold it",
            Assert.Throws<ApertureException>(() => source.Load("rotary_emb.inv_freq")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_without_an_index_are_opened_together_if_all_of_them_are_there()
    {
        using TemporaryFolder folder = new();
        Save(folder["model-00001-of-00002.safetensors"], "a", 1);
        Save(folder["model-00002-of-00002.safetensors"], "b", 1);
        using (IWeightSource source = WeightFiles.Open(folder.Root))
        {
            Assert.Equal(["a", "b"], source.Names.Order(StringComparer.Ordinal));
        }

        File.Move(folder["model-00002-of-00002.safetensors"], folder["model-00003-of-00002.safetensors"]);
        Assert.Contains("no index", Assert.Throws<ApertureException>(() => WeightFiles.Open(folder.Root)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void What_training_leaves_beside_weights_is_no_weights()
    {
        using TemporaryFolder folder = new();
        Save(folder["model.fp16.safetensors"], "w", 1);
        Save(folder["adapter_model.safetensors"], "a", 1);
        folder.Write("training_args.bin", "junk"u8.ToArray());

        using IWeightSource source = WeightFiles.Open(folder.Root);

        Assert.Equal(["w"], source.Names);
    }

    [Theory]
    [InlineData("module.")]
    [InlineData("_orig_mod.")]
    [InlineData("_forward_module.")]
    [InlineData("_fsdp_wrapped_module.")]
    [InlineData("base_model.model.")]
    [InlineData("module._orig_mod.")]
    public void The_prefix_of_a_training_wrapper_is_left_out_in_every_container(string prefix)
    {
        using TemporaryFolder folder = new();
        SaveAll(folder["w.safetensors"], prefix + "model.w", prefix + "head");
        using (IWeightSource single = WeightFiles.Open(folder["w.safetensors"]))
        {
            Assert.Equal(["head", "model.w"], single.Names.Order(StringComparer.Ordinal));
            using Tensor value = single.Load("model.w");
            Assert.Equal(1, value.item<float>());
        }

        using IWeightSource stored = WeightFiles.Open(folder["w.safetensors"], new WeightFileOptions { StripModule = false });
        Assert.Contains(prefix + "head", stored.Names);

        Save(folder["part.safetensors"], prefix + "w", 1);
        File.WriteAllText(folder["model.safetensors.index.json"], $$$"""{"weight_map":{"{{{prefix}}}w":"part.safetensors"}}""");
        using IWeightSource sharded = WeightFiles.Open(folder["model.safetensors.index.json"]);
        Assert.Equal(["w"], sharded.Names);
    }

    [Theory]
    [InlineData(new[] { "module.w", "head" }, new[] { "head", "module.w" })] // before some names alone it is a part of the model
    [InlineData(new[] { "base_model.model.w", "head" }, new[] { "base_model.model.w", "head" })]
    [InlineData(new[] { "a._orig_mod.w", "b.c._checkpoint_wrapped_module.w", "head" }, new[] { "a.w", "b.c.w", "head" })]
    [InlineData(new[] { "module.a._fsdp_wrapped_module.w", "module.head" }, new[] { "a.w", "head" })]
    [InlineData(new[] { "a._orig_mod.w", "a.w" }, new[] { "a._orig_mod.w", "a.w" })]
    public void Names_of_some_tensors_keep_what_may_be_the_models_own(string[] stored, string[] opened)
    {
        using TemporaryFolder folder = new();
        SaveAll(folder["w.safetensors"], stored);

        using IWeightSource source = WeightFiles.Open(folder["w.safetensors"]);

        Assert.Equal(opened, source.Names.Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("model.safetensors.index.json")]
    [InlineData("pytorch_model.bin")]
    [InlineData("consolidated.00.pth")]
    public void A_pointer_that_Git_left_is_called_one(string name)
    {
        using TemporaryFolder folder = new();
        string pointer = folder.Write(name, "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2798760\n"u8.ToArray());

        string message = Assert.Throws<ApertureException>(() => WeightFiles.Open(pointer)).Message;

        Assert.Contains("Git LFS pointer, not the file itself of 2798760 bytes", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_that_shares_its_tensor_with_a_stored_one_is_a_name_too()
    {
        using TemporaryFolder folder = new();
        using Tensor value = torch.tensor(3f);
        SafetensorsWriter.Save(
            folder["w.safetensors"], new Dictionary<string, Tensor> { ["lm_head.weight"] = value },
            new Dictionary<string, string> { ["format"] = "pt", ["embed_tokens.weight"] = "lm_head.weight" });

        using IWeightSource source = WeightFiles.Open(folder["w.safetensors"]);
        using Tensor shared = source.Load("embed_tokens.weight");

        Assert.Equal(3, shared.item<float>());
        Assert.Equal(["lm_head.weight", "embed_tokens.weight"], source.Names);
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

    private static void SaveAll(string path, params string[] names)
    {
        using Tensor tensor = torch.tensor(1f);
        SafetensorsWriter.Save(path, names.ToDictionary(name => name, _ => tensor));
    }

    private static void Save(string path, string name, float value)
    {
        using Tensor tensor = torch.tensor(value);
        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { [name] = tensor });
    }
}
