using Aperture.Text;

namespace Aperture.Abstractions.Tests.Text;

public sealed class SampleSentencesTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    public void Dispose() => File.Delete(_file);

    [Fact]
    public void A_line_has_one_sentence_or_several()
    {
        File.WriteAllLines(_file, ["""{"text": "a bag"}""", "", """{"text": "x", "captions": ["a boot", "a shoe"]}"""]);
        Assert.Equal(["a bag", "a boot", "a shoe"], SampleSentences.Read(_file));
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("[]")]
    [InlineData("""{"captions": 3}""")]
    [InlineData("""{"text": 3}""")]
    [InlineData("{")]
    public void Another_line_is_told_by_its_number(string line)
    {
        File.WriteAllLines(_file, ["""{"text": "a bag"}""", line]);
        string message = Assert.Throws<ApertureException>(() => SampleSentences.Read(_file).ToList()).Message;
        Assert.Contains("(2): the line is no object with text or captions", message);
        Assert.DoesNotContain('\n', message);
    }

    [Fact]
    public void A_missing_file_is_told()
        => Assert.Contains("There is no 'none.jsonl'", Assert.Throws<ApertureException>(() => SampleSentences.Read("none.jsonl").ToList()).Message);
}
