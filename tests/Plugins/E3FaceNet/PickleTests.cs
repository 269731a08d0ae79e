using System.Text;
using Aperture.Plugins.E3FaceNet.Model;

namespace Aperture.Plugins.E3FaceNet.Tests;

/// <summary>Training pickles that are damaged or mean harm. Whole ones are read in the golden tests.</summary>
public sealed class PickleTests : IDisposable
{
    private readonly string _path = Path.Combine(Directory.CreateTempSubdirectory("aperture-pickle-").FullName, "network.pkl");

    public void Dispose() => Directory.Delete(Path.GetDirectoryName(_path)!, recursive: true);

    [Fact]
    public void A_pointer_instead_of_the_file_is_told()
    {
        File.WriteAllText(_path, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n");
        FaceErrorTests.AssertLine("is a Git LFS pointer, not the file itself; fetch it with 'git lfs pull'", Open);
    }

    [Fact]
    public void A_path_instead_of_the_file_is_told()
    {
        File.WriteAllText(_path, "/home/somebody/ckpt/network-snapshot-final-model.pkl");
        FaceErrorTests.AssertLine("is neither a safetensors file nor a PyTorch pickle", Open);
    }

    [Fact]
    public void Nothing_that_a_pickle_names_is_run()
    {
        string mark = Path.Combine(Path.GetDirectoryName(_path)!, "mark");
        byte[] call = [0x80, 3, (byte)'c', .. Encoding.ASCII.GetBytes("posix\nsystem\n"), (byte)'X', .. Text($"touch {mark}"), 0x85, (byte)'R', (byte)'.'];
        File.WriteAllBytes(_path, call);

        FaceErrorTests.AssertLine("holds no tensors", Open);
        Assert.False(File.Exists(mark));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(9)]
    [InlineData(40)]
    public void A_pickle_that_ends_early_is_told_wherever_it_ends(int kept)
    {
        byte[] whole = [0x80, 3, (byte)'}', (byte)'X', .. Text("G_ema"), (byte)'B', .. BitConverter.GetBytes(100), .. new byte[100], (byte)'s', (byte)'.'];
        File.WriteAllBytes(_path, whole[..Math.Min(kept + 2, whole.Length)]);
        FaceErrorTests.AssertLine("the pickle is damaged at byte", Open);
    }

    [Fact]
    public void A_pickle_without_a_generator_says_what_it_lacks()
    {
        File.WriteAllBytes(_path, [0x80, 3, (byte)'}', (byte)'X', .. Text("G_ema"), (byte)'N', (byte)'s', (byte)'.']);
        FaceErrorTests.AssertLine("holds no tensors", Open);
    }

    private void Open() => FaceCheckpoint.Open(_path).Dispose();

    private static byte[] Text(string text) => [.. BitConverter.GetBytes(text.Length), .. Encoding.ASCII.GetBytes(text)];
}
