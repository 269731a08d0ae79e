using Aperture.Weights;
using TorchSharp;
using static TorchSharp.torch;

namespace Aperture.Abstractions.Tests.Weights;

/// <summary>Tensors over a mapped file keep its memory, whoever disposes the file.</summary>
[Collection("tensors")]
public sealed class MappedTensorTests
{
    [Fact]
    public void A_tensor_outlives_its_file()
    {
        using TemporaryFolder folder = new();
        string path = Saved(folder);
        SafetensorsFile file = SafetensorsFile.Open(path);
        Tensor whole = file.Load("w");
        using Tensor part = whole.narrow(0, 1, 1); // [2, 3] -> [1, 3]

        file.Dispose();
        whole.Dispose();

        Assert.True(IsMapped(path));
        Assert.Equal([4f, 5f, 6f], part.data<float>().ToArray());
        part.Dispose();
        Assert.False(IsMapped(path));
    }

    [Fact]
    public void A_file_without_tensors_is_unmapped_at_once_and_gives_no_more()
    {
        using TemporaryFolder folder = new();
        string path = Saved(folder);
        SafetensorsFile file = SafetensorsFile.Open(path);
        file.Load("w").Dispose();

        file.Dispose();
        file.Dispose();

        Assert.False(IsMapped(path));
        Assert.Throws<ObjectDisposedException>(() => file.Load("w"));
    }

    [Fact]
    public void Many_threads_may_load_and_dispose_while_the_file_is_closed()
    {
        using TemporaryFolder folder = new();
        string path = Saved(folder);
        for (int round = 0; round < 20; round++)
        {
            SafetensorsFile file = SafetensorsFile.Open(path);
            int refused = 0;
            Parallel.For(0, 64, i =>
            {
                if (i == 32)
                {
                    file.Dispose();
                    return;
                }

                try
                {
                    using Tensor tensor = file.Load("w");
                    Assert.Equal(21f, tensor.sum().item<float>());
                }
                catch (ObjectDisposedException)
                {
                    Interlocked.Increment(ref refused);
                }
            });
            Assert.InRange(refused, 0, 63);
            Assert.False(IsMapped(path));
        }
    }

    private static string Saved(TemporaryFolder folder)
    {
        string path = folder["w.safetensors"];
        using Tensor values = tensor(new float[] { 1, 2, 3, 4, 5, 6 }).reshape(2, 3); // [6] -> [2, 3]
        SafetensorsWriter.Save(path, new Dictionary<string, Tensor> { ["w"] = values });
        return path;
    }

    private static bool IsMapped(string path) => File.ReadLines("/proc/self/maps").Any(line => line.EndsWith(path, StringComparison.Ordinal));
}
