using Aperture.Weights;
using CsCheck;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

[Collection("tensors")]
public sealed class TorchFileTests
{
    private static readonly WeightFileOptions _lenient = new() { Lenient = true };

    [Fact]
    public void Zip_storages_are_mapped_in_place_and_views_share_them()
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes()
            .Dictionary()
            .Mark()
            .Text("w")
            .Tensor("0", 6, 0, [2, 3], [3, 1])
            .Text("w_t")
            .Tensor("0", 6, 0, [3, 2], [1, 3])
            .SetItems()
            .Stop();
        string path = folder.Write("w.pth", PickleBytes.Zip(pickle, ("data/0", PickleBytes.Floats(1, 2, 3, 4, 5, 6))));
        long live = LiveTensors.Settled();

        using (IWeightSource file = WeightFiles.Open(path))
        {
            using Tensor w = file.Load("w");
            using Tensor transposed = file.Load("w_t");
            Assert.Equal([1f, 2f, 3f, 4f, 5f, 6f], w.data<float>().ToArray());
            Assert.Equal([1L, 3L], transposed.stride());
            using Tensor back = transposed.t();
            Assert.True(back.Equals(w));
            Assert.Equal(MemoryMap.Address(w), MemoryMap.Address(back));
            file.ReleasePages("w");
        }

        Assert.Equal(live, Tensor.TotalCount);
    }

    [Fact]
    public void Legacy_storages_share_memory_even_where_the_file_does_not_align_them()
    {
        using TemporaryFolder folder = new();
        for (int padding = 0; padding < 4; padding++)
        {
            byte[] pickle = new PickleBytes().Dictionary().Mark().Text("a" + new string('x', padding)).Tensor("k", 2, 0, [2], [1], legacy: true)
                .Text("tied").Tensor("k", 2, 0, [2], [1], legacy: true).SetItems().Stop();
            using IWeightSource file = WeightFiles.Open(folder.Write($"{padding}.pth", PickleBytes.Legacy(pickle, ("k", [1.5f, -2f]))));

            using Tensor a = file.Load(file.Names.First());
            using Tensor tied = file.Load("tied");

            Assert.Equal([1.5f, -2f], a.data<float>().ToArray());
            Assert.Equal(MemoryMap.Address(a), MemoryMap.Address(tied));
        }
    }

    [Theory]
    [InlineData(6, 1, new[] { 2, 3 }, new[] { 3, 1 })]
    [InlineData(6, 0, new[] { 2, 3 }, new[] { 4, 1 })]
    [InlineData(6, 7, new[] { 0 }, new[] { 1 })]
    [InlineData(6, 6, new int[0], new int[0])]
    [InlineData(6, -1, new[] { 1 }, new[] { 1 })]
    [InlineData(6, 0, new[] { 2 }, new[] { -1 })]
    [InlineData(6, 0, new[] { 2147483647, 2147483647, 2147483647 }, new[] { 0, 0, 0 })]
    [InlineData(6, 0, new[] { 2147483647, 2147483647 }, new[] { 2147483647, 2147483647 })]
    public void A_window_that_leaves_its_storage_is_refused(int count, int offset, int[] shape, int[] strides)
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Mark().Text("w").Tensor("0", count, offset, shape, strides).SetItems().Stop();
        string path = folder.Write("w.pth", PickleBytes.Zip(pickle, ("data/0", new byte[count * 4])));

        Assert.Contains(path, Assert.Throws<ApertureException>(() => WeightFiles.Open(path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(6, 1 << 15, new[] { 0, 1 }, true)]
    [InlineData(6, 1 << 20, new[] { 0, 0 }, false)]
    [InlineData(1, 1_000_000_000, new[] { 0, 0 }, false)]
    public void A_view_that_repeats_its_storage_without_bound_is_refused_when_it_is_loaded(int columns, int rows, int[] strides, bool loads)
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Mark().Text("w").Tensor("0", 6, 0, [rows, columns], strides).SetItems().Stop();
        using IWeightSource file = WeightFiles.Open(folder.Write("w.pth", PickleBytes.Zip(pickle, ("data/0", new byte[24]))));

        Assert.Equal([rows, columns], file.Describe("w").Shape);
        if (loads)
        {
            file.Load("w").Dispose();
        }
        else
        {
            string message = Assert.Throws<ApertureException>(() => file.Load("w")).Message;
            Assert.Contains($"repeats the 6 stored values as {(long)rows * columns}", message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Unknown_classes_are_refused_by_name_and_inert_when_lenient()
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Mark()
            .Text("args").Global("os", "system").Mark().Text("exit 1").Tuple().Reduce()
            .Text("state_dict").Dictionary().Mark().Text("module.w").Tensor("0", 1, 0, [1], [1]).SetItems()
            .SetItems().Stop();
        string path = folder.Write("w.pth", PickleBytes.Zip(pickle, ("data/0", PickleBytes.Floats(3))));

        Assert.Contains("'os.system'", Assert.Throws<ApertureException>(() => WeightFiles.Open(path)).Message, StringComparison.Ordinal);

        using TorchFile file = TorchFile.Open(path, _lenient);
        Assert.Equal(["w"], file.Names);
        Assert.True(((PickledDictionary)file.Content!).TryGetValue("args", out object? args));
        Assert.Equal("os.system", Assert.IsType<PickledObject>(args).ClassName);
        using TorchFile raw = TorchFile.Open(path, _lenient with { Container = "", StripModule = false });
        Assert.Equal(["state_dict.module.w"], raw.Names);
        using TorchFile named = TorchFile.Open(path, _lenient with { Container = "state_dict", StripModule = false });
        Assert.Equal(["module.w"], named.Names);
        Assert.Contains(
            "state_dict", Assert.Throws<ApertureException>(() => TorchFile.Open(path, _lenient with { Container = "ema" })).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrapper_that_holds_tensors_goes_before_values_beside_it()
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Mark()
            .Text("best").Tensor("0", 1, 0, [], [])
            .Text("state_dict").Dictionary().Mark().Text("w").Tensor("0", 1, 0, [1], [1]).SetItems()
            .SetItems().Stop();
        string path = folder.Write("w.pth", PickleBytes.Zip(pickle, ("data/0", PickleBytes.Floats(3))));

        using IWeightSource file = WeightFiles.Open(path);

        Assert.Equal(["w"], file.Names);
    }

    [Fact]
    public void A_pickled_module_gives_parameters_buffers_and_children_when_lenient()
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Mark().Text("G_ema")
            .Global("nets", "Generator").Raw((byte)')', 0x81).Dictionary().Mark()
            .Text("_parameters").Dictionary().Mark().Text("w").NestedTensor(1, 2).Text("bias").Raw((byte)'N').SetItems()
            .Text("_buffers").Dictionary().Mark().Text("mean").NestedTensor(3).Text("cache").NestedTensor(9).SetItems()
            .Text("_non_persistent_buffers_set").Global("builtins", "set").Mark().Raw((byte)']').Mark().Text("cache").Raw((byte)'e').Tuple().Reduce()
            .Text("_modules").Dictionary().Mark()
                .Text("fc").Global("nets", "Linear").Raw((byte)')', 0x81).Dictionary().Mark()
                .Text("_parameters").Dictionary().Mark().Text("w").NestedTensor(4, 5, 6).SetItems().SetItems().Raw((byte)'b')
                .SetItems()
            .SetItems().Raw((byte)'b')
            .SetItems().Stop();
        string path = folder.Write("network.pkl", pickle);

        Assert.Contains("'nets.Generator'", Assert.Throws<ApertureException>(() => TorchFile.Open(path)).Message, StringComparison.Ordinal);
        using TorchFile file = TorchFile.Open(path, _lenient with { Container = "G_ema" });

        Assert.Equal(["w", "mean", "fc.w"], file.Names);
        using Tensor w = file.Load("fc.w");
        Assert.Equal([4f, 5f, 6f], w.data<float>().ToArray());
    }

    [Fact]
    public void An_object_without_tensors_opens_only_when_asked_for()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(
            "vocab.pkl", new PickleBytes().Dictionary().Mark().Text("words").Raw((byte)']').Mark().Text("a").Text("the").Raw((byte)'e').SetItems().Stop());

        Assert.Contains("holds no tensors", Assert.Throws<ApertureException>(() => TorchFile.Open(path, _lenient)).Message, StringComparison.Ordinal);
        using TorchFile file = TorchFile.Open(path, _lenient with { RequireTensors = false });

        Assert.True(((PickledDictionary)file.Content!).TryGetValue("words", out object? words));
        Assert.Equal(["a", "the"], Assert.IsType<PickledSequence>(words));
    }

    [Fact]
    public void A_value_that_contains_itself_does_not_stop_the_tensors_from_being_found()
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes()
            .Dictionary()
            .Raw((byte)'q', 0)
            .Mark()
            .Text("self")
            .Raw((byte)'h', 0)
            .Text("inner")
            .Dictionary()
            .Mark()
            .Text("w")
            .Tensor("0", 1, 0, [1], [1])
            .Text("up")
            .Raw((byte)'h', 0)
            .SetItems()
            .SetItems()
            .Stop();
        string path = folder.Write("w.pth", PickleBytes.Zip(pickle, ("data/0", PickleBytes.Floats(3))));

        using IWeightSource file = WeightFiles.Open(path);

        Assert.Equal(["inner.w"], file.Names);
    }

    [Fact]
    public void Nesting_without_end_is_refused()
    {
        using TemporaryFolder folder = new();
        PickleBytes deep = new();
        for (int i = 0; i < 100_000; i++)
        {
            deep.Raw((byte)']');
        }

        for (int i = 1; i < 100_000; i++)
        {
            deep.Raw((byte)'a');
        }

        // Each list holds the one before it twice: 64 lines name 2^64 values.
        PickleBytes wide = new PickleBytes().Raw((byte)']', (byte)'q', 0);
        for (byte i = 1; i < 64; i++)
        {
            wide.Raw((byte)']', (byte)'q', i, (byte)'(', (byte)'h', (byte)(i - 1), (byte)'h', (byte)(i - 1), (byte)'e');
        }

        foreach (byte[] pickle in (byte[][])[deep.Stop(), wide.Stop()])
        {
            string path = folder.Write("w.pth", PickleBytes.Zip(pickle));
            Assert.Contains("deeper or more often", Assert.Throws<ApertureException>(() => WeightFiles.Open(path)).Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("data.pkl", "one")]
    [InlineData("constants.pkl", "TorchScript")]
    [InlineData("code/model.py", "TorchScript")]
    public void An_archive_that_is_no_checkpoint_is_refused(string extra, string fault)
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Stop();
        string path = folder.Write("w.pth", PickleBytes.Zip(pickle, (extra == "data.pkl" ? "second/data.pkl" : extra, pickle)));

        Assert.Contains(fault, Assert.Throws<ApertureException>(() => WeightFiles.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Shards_with_an_index_open_as_one_checkpoint()
    {
        using TemporaryFolder folder = new();
        foreach (string name in (string[])["a", "b"])
        {
            byte[] pickle = new PickleBytes().Dictionary().Mark().Text(name).Tensor("0", 1, 0, [1], [1]).SetItems().Stop();
            folder.Write($"pytorch_model-{name}.bin", PickleBytes.Zip(pickle, ("data/0", PickleBytes.Floats(name[0]))));
        }

        File.WriteAllText(folder["pytorch_model.bin.index.json"], """{"weight_map":{"a":"pytorch_model-a.bin","b":"pytorch_model-b.bin"}}""");

        using IWeightSource source = WeightFiles.Open(folder.Root);

        using Tensor b = source.Load("b");
        Assert.Equal('b', b.item<float>());
        source.ReleasePages();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Random_damage_gives_an_answer_or_an_error_but_nothing_else(bool legacy)
    {
        using TemporaryFolder folder = new();
        byte[] pickle = new PickleBytes().Dictionary().Raw((byte)'q', 0).Mark()
            .Text("w").Tensor("0", 6, 0, [2, 3], [3, 1], legacy).Text("t").Tensor("0", 6, 1, [2, 2], [1, 3], legacy)
            .Text("list").Raw((byte)']').Mark().Int(3).Raw((byte)'G', 0, 0, 0, 0, 0, 0, 0, 0).Raw(0x8A, 1, 5).Raw((byte)'e').SetItems().Stop();
        byte[] good = legacy
            ? PickleBytes.Legacy(pickle, ("0", new float[6]))
            : PickleBytes.Zip(pickle, ("data/0", new byte[24]), ("byteorder", "little"u8.ToArray()));
        long live = LiveTensors.Settled();

        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length - 1], Gen.Byte).Sample(
            (first, firstValue, second, secondValue) =>
            {
                byte[] bytes = good.ToArray();
                bytes[first] = firstValue;
                bytes[second] = secondValue;
                string path = folder.Write("damaged.pth", firstValue % 8 == 0 ? bytes[..second] : bytes);
                try
                {
                    using TorchFile file = TorchFile.Open(path, _lenient);
                    foreach (string name in file.Names)
                    {
                        file.LoadCopy(name).Dispose();
                    }
                }
                catch (ApertureException refusal)
                {
                    Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
                }
            },
            iter: 500,
            threads: 1);

        Assert.Equal(live, Tensor.TotalCount);
    }
}
