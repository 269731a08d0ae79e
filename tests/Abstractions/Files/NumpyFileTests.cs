using System.Text;
using Aperture.Files;

namespace Aperture.Abstractions.Tests.Files;

/// <summary>numpy's files as untrusted input.</summary>
public sealed class NumpyFileTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Theory]
    [InlineData("'|O'", "(1,)", "Python objects, which are a pickle and could run code")]
    [InlineData("'<c8'", "(1,)", "elements of numpy's type")]
    [InlineData("[('a', '<f4')]", "(1,)", "records of several fields")]
    [InlineData("'<f4'", "(3,)", "do not fit into it")]
    [InlineData("'<f4'", "(99999999999, 99999999999)", "do not fit into it")]
    [InlineData("'<f4'", "(-1,)", "has the size '-1'")]
    [InlineData("'<f3'", "(1,)", "do not fit into it")]
    [InlineData("'<f4'", "1", "a header that numpy does not write")]
    public void What_no_array_is_is_one_line(string type, string shape, string expected)
    {
        Write($"{{'descr': {type}, 'fortran_order': False, 'shape': {shape}, }}", new byte[8]);

        ApertureException error = Assert.Throws<ApertureException>(() => NumpyFile.Read(_path));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Damage_is_one_line()
    {
        Write("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }", BitConverter.GetBytes(1.5f).Concat(BitConverter.GetBytes(-2f)).ToArray());
        byte[] whole = File.ReadAllBytes(_path);
        Assert.Equal([1.5f, -2f], NumpyFile.Read(_path).ToSingles());
        for (int length = 0; length < whole.Length; length++)
        {
            File.WriteAllBytes(_path, whole[..length]);
            Assert.DoesNotContain('\n', Assert.Throws<ApertureException>(() => NumpyFile.Read(_path)).Message);
        }

        Assert.Throws<ApertureException>(() => NumpyFile.ReadArchive(_path));
        Assert.Throws<ApertureException>(() => NumpyFile.Read(_path + ".nowhere"));
    }

    [Fact]
    public void Elements_are_what_they_are()
    {
        Write("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }", [1, 2, 255]);
        NumpyArray array = NumpyFile.Read(_path);

        Assert.Equal([1L, 2, 255], array.ToIntegers());
        Assert.Equal([1d, 2, 255], array.ToDoubles());
        Assert.Contains("holds no texts", Assert.Throws<ApertureException>(array.ToTexts).Message);
    }

    private void Write(string header, byte[] data)
    {
        byte[] text = Encoding.ASCII.GetBytes(header);
        File.WriteAllBytes(_path, [0x93, .. "NUMPY"u8, 1, 0, (byte)text.Length, 0, .. text, .. data]);
    }
}
