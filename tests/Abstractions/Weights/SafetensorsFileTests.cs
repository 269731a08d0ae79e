using Aperture.Measuring;
using Aperture.Weights;
using CsCheck;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

[Collection("tensors")]
public sealed class SafetensorsFileTests
{
    [Theory]
    [InlineData("""{"layer.w":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", "unknown dtype 'F33'")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "takes 12 bytes")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "data_offsets are [8, 0]")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""", "leave a hole")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "not a whole number")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", "not a whole number")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,8]}}""", "larger than any file")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[2],"data_offsets":[0,18446744073709551615]}}""", "not a whole number")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[2]}}""", "lacks")]
    [InlineData("""{"layer.w":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "twice")]
    [InlineData("""{"layer.w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"layer.w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "twice")]
    public void Open_names_file_and_tensor_of_a_damaged_entry(string header, string fault)
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("bad.safetensors", SafetensorsBytes.Of(header, new byte[8]));

        ApertureException error = Assert.Throws<ApertureException>(() => SafetensorsFile.Open(path));

        Assert.Contains(path, error.Message, StringComparison.Ordinal);
        Assert.Contains("layer.w", error.Message, StringComparison.Ordinal);
        Assert.Contains(fault, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(40)]
    [InlineData(72)]
    public void Open_refuses_a_file_cut_off_anywhere(int length)
    {
        using TemporaryFolder folder = new();
        byte[] whole = SafetensorsBytes.Of("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]);
        string path = folder.Write("cut.safetensors", whole[..Math.Min(length, whole.Length - 1)]);

        Assert.Contains(path, Assert.Throws<ApertureException>(() => SafetensorsFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_written_into_while_it_is_open_is_refused_and_one_that_is_replaced_is_not()
    {
        using TemporaryFolder folder = new();
        string path = folder["w.safetensors"];
        using TorchSharp.torch.Tensor one = TorchSharp.torch.ones(3);
        SafetensorsWriter.Save(path, new Dictionary<string, TorchSharp.torch.Tensor> { ["a"] = one });
        using SafetensorsFile file = SafetensorsFile.Open(path);
        SafetensorsWriter.Save(path, new Dictionary<string, TorchSharp.torch.Tensor> { ["a"] = one }); // replaces the name, not the bytes
        file.Load("a").Dispose();

        using SafetensorsFile now = SafetensorsFile.Open(path);
        using (FileStream stream = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite | FileShare.Delete))
        {
            stream.Position = stream.Length - 1;
            stream.WriteByte(7);
        }

        File.SetLastWriteTimeUtc(path, DateTime.UtcNow.AddSeconds(2)); // clocks of file systems are coarse
        Assert.Contains("has been written into since it was opened", Assert.Throws<ApertureException>(() => now.Load("a")).Message);
        file.Load("a").Dispose();
    }

    [Fact]
    public void Open_of_a_missing_file_says_so()
    {
        Assert.Contains(
            "nowhere.safetensors", Assert.Throws<ApertureException>(() => SafetensorsFile.Open("nowhere.safetensors")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Random_damage_gives_an_answer_or_an_error_but_nothing_else()
    {
        using TemporaryFolder folder = new();
        using Tensor weight = torch.zeros(2, 3);
        using Tensor bias = torch.ones(4, ScalarType.Int16);
        SafetensorsWriter.Save(folder["good.safetensors"], new Dictionary<string, Tensor> { ["a.weight"] = weight, ["b"] = bias });
        byte[] good = File.ReadAllBytes(folder["good.safetensors"]);

        Gen.Select(Gen.Int[0, good.Length - 1], Gen.Byte, Gen.Int[0, good.Length]).Sample(
            (place, value, length) =>
            {
                byte[] bytes = good.ToArray();
                bytes[place] = value;
                string path = folder.Write("damaged.safetensors", bytes[..(value % 4 == 0 ? length : bytes.Length)]);
                try
                {
                    using SafetensorsFile file = SafetensorsFile.Open(path);
                    foreach (string name in file.Names)
                    {
                        file.Load(name).Dispose();
                    }
                }
                catch (ApertureException refusal)
                {
                    Assert.Contains(path, refusal.Message, StringComparison.Ordinal);
                }
            },
            iter: 500,
            threads: 1);
    }

    [Fact]
    public void Load_views_the_mapped_file_and_release_gives_its_memory_back()
    {
        const int Megabytes = 32;
        using TemporaryFolder folder = new();
        string path = folder["large.safetensors"];
        using (Tensor values = torch.ones(Megabytes << 18))
        {
            SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { ["w"] = values });
        }

        using SafetensorsFile file = SafetensorsFile.Open(path);
        using Tensor tensor = file.Load("w");

        Assert.True(MemoryMap.Contains(path, MemoryMap.Address(tensor)));
        Assert.InRange(MemoryMap.ResidentKilobytes(path), 0, 1024);
        using Tensor sum = tensor.sum();
        Assert.Equal(Megabytes << 18, sum.item<float>());
        Assert.InRange(MemoryMap.ResidentKilobytes(path), Megabytes << 10, (Megabytes << 10) + 64);
        file.ReleasePages("w");
        Assert.InRange(MemoryMap.ResidentKilobytes(path), 0, 1024);
        using Tensor again = tensor.sum();
        Assert.Equal(Megabytes << 18, again.item<float>());
    }

    [Fact]
    public void Load_copies_what_is_not_aligned_for_its_type()
    {
        using TemporaryFolder folder = new();
        string header = """{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"w":{"dtype":"F32","shape":[2],"data_offsets":[1,9]}}""";
        string path = folder.Write("odd.safetensors", SafetensorsBytes.Of(header, [9, .. BitConverter.GetBytes(1.5f), .. BitConverter.GetBytes(-2f)]));

        using SafetensorsFile file = SafetensorsFile.Open(path);
        using Tensor tensor = file.Load("w");

        Assert.False(MemoryMap.Contains(path, MemoryMap.Address(tensor)));
        Assert.Equal([1.5f, -2f], tensor.data<float>().ToArray());
    }

    [Fact]
    public void Load_refuses_an_unsigned_value_that_does_not_fit()
    {
        using TemporaryFolder folder = new();
        string header = """{"w":{"dtype":"U64","shape":[2],"data_offsets":[0,16]}}""";
        string path = folder.Write("u64.safetensors", SafetensorsBytes.Of(header, [.. BitConverter.GetBytes(7UL), .. BitConverter.GetBytes(ulong.MaxValue)]));
        using SafetensorsFile file = SafetensorsFile.Open(path);
        long live = LiveTensors.Settled();

        ApertureException error = Assert.Throws<ApertureException>(() => file.Load("w"));

        Assert.Contains("element 1 is 18446744073709551615", error.Message, StringComparison.Ordinal);
        Assert.Equal(live, Tensor.TotalCount);
    }

    [Fact]
    public void Load_of_an_unknown_name_names_a_near_one()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write(
            "w.safetensors", SafetensorsBytes.Of("""{"model.norm.weight":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]));
        using SafetensorsFile file = SafetensorsFile.Open(path);

        Assert.Contains("near it: model.norm.weight", Assert.Throws<ApertureException>(() => file.Load("norm.weight")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Loading_leaves_no_live_tensors_behind()
    {
        using TemporaryFolder folder = new();
        string header
            = """{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"f8":{"dtype":"F8_E4M3","shape":[],"data_offsets":[8,9]},"none":{"dtype":"I64","shape":[0,3],"data_offsets":[9,9]}}""";
        string path = folder.Write("w.safetensors", SafetensorsBytes.Of(header, new byte[9]));
        long live = LiveTensors.Settled();

        using (SafetensorsFile file = SafetensorsFile.Open(path))
        {
            foreach (string name in file.Names)
            {
                file.Load(name).Dispose();
            }
        }

        Assert.Equal(live, Tensor.TotalCount);
    }

    [Fact]
    public void Use_after_dispose_is_a_programming_error()
    {
        using TemporaryFolder folder = new();
        string path = folder.Write("w.safetensors", SafetensorsBytes.Of("""{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", new byte[8]));
        SafetensorsFile file = SafetensorsFile.Open(path);
        file.Dispose();
        file.Dispose();

        Assert.Throws<ObjectDisposedException>(() => file.Load("w"));
    }
}
