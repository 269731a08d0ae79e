using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Pipelines;

namespace Aperture.Host.Tests.Pipelines;

public sealed class QuestionFileTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void Lines_become_questions_with_pictures_beside_the_file()
    {
        File.WriteAllText(
            _file, "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": 3, \"type\": \"count\"}\n\n{\"text\": \"t\", \"question_id\": \"x\"}\n");

        IReadOnlyList<QuestionItem> items = QuestionFile.Read(_file, needAnswers: false);

        Assert.Equal(new QuestionItem("1", Path.Combine(Path.GetDirectoryName(_file)!, "a.png"), "q", "3", "count"), items[0]);
        Assert.Equal(new QuestionItem("x", null, "t", null, ""), items[1]);
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("{\"question\": ", "(1)")]
    [InlineData("[1]", "(1)")]
    [InlineData("{\"answer\": \"a\"}", "no question")]
    [InlineData("{\"question\": \"q\"}", "no answer")]
    [InlineData("{\"question\": {}, \"answer\": \"a\"}", "question")]
    [InlineData(
        "{\"question\": \"q\", \"answer\": \"a\", \"question_id\": \"i\"}\n{\"question\": \"q\", \"answer\": \"a\", \"question_id\": \"i\"}",
        "more than once")]
    public void A_damaged_file_is_named_with_its_line(string content, string named)
    {
        File.WriteAllText(_file, content);

        ApertureException error = Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_file);
}
