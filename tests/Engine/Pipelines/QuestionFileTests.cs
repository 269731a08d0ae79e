using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Pipelines;

namespace Aperture.Engine.Tests.Pipelines;

public sealed class QuestionFileTests : IDisposable
{
    private readonly string _file = Path.GetTempFileName();

    [Fact]
    public void Lines_become_questions_with_pictures_beside_the_file()
    {
        File.WriteAllText(
            _file, "{\"image\": \"a.png\", \"question\": \"q\", \"answer\": 3, \"type\": \"count\"}\n\n{\"text\": \"t\", \"question_id\": \"x\"}\n");

        IReadOnlyList<QuestionItem> items = QuestionFile.Read(_file, needAnswers: false);

        string picture = Path.Combine(Path.GetDirectoryName(_file)!, "a.png");
        Assert.Equal(new QuestionItem("1", picture, "q", "3", "count") { File = _file, Line = 1 }, items[0]);
        Assert.Equal(new QuestionItem("x", null, "t", null, "") { File = _file, Line = 3 }, items[1]);
        Assert.Equal($"{_file}(3)", items[1].Where);
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
        "(2): question_id 'i' stands in line 1 already")]
    [InlineData("{\"question\": \"q\", \"answers\": [\"a\", true]}", "(1): answers must be a list of texts, and one of them is True")]
    public void A_damaged_file_is_named_with_its_line(string content, string named)
    {
        File.WriteAllText(_file, content);

        ApertureException error = Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true));

        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        Assert.Contains(_file, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{\"question\": \"\\ud800\", \"answer\": \"a\"}", "(1): the line is not JSON (it has an escape that is half of a surrogate pair")]
    [InlineData("{\"question\": \"q\", \"question\": \"r\", \"answer\": \"a\"}", "(1): the line is not JSON (the key 'question' stands twice")]
    public void A_line_that_holds_no_text_or_says_a_thing_twice_is_named(string line, string named)
    {
        File.WriteAllText(_file, line);

        Assert.Contains(named, Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Bytes_that_are_not_UTF_8_are_refused_and_a_byte_order_mark_is_passed_over()
    {
        byte[] line = [.. "{\"question\": \"caf"u8, 0xe9, .. "\", \"answer\": \"a\"}\n"u8];
        File.WriteAllBytes(_file, line);
        string message = Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true)).Message;
        Assert.Contains("(1): the line is not JSON (it has bytes that are not UTF-8", message, StringComparison.Ordinal);

        File.WriteAllBytes(_file, [0xef, 0xbb, 0xbf, .. "{\"question\": \"café\", \"answer\": \"a\"}\r\n"u8]);
        Assert.Equal("café", QuestionFile.Read(_file, needAnswers: true)[0].Question);

        File.WriteAllBytes(_file, [0xff, 0xfe, .. System.Text.Encoding.Unicode.GetBytes("{}")]);
        Assert.Contains("is UTF-16 text", Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true)).Message);
    }

    [Fact]
    public void All_lines_are_read_before_the_first_wrong_one_is_told()
    {
        string good = "{\"question\": \"q\", \"answer\": \"a\"}";
        File.WriteAllLines(_file, [good, "{", good, "[]", "{\"question\": \"q\"}"]);

        string message = Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true)).Message;

        Assert.StartsWith($"{_file}(2): the line is not JSON", message, StringComparison.Ordinal);
        Assert.EndsWith(" (2 more lines are wrong: 4, 5).", message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', message);
        File.WriteAllLines(_file, [good, .. Enumerable.Repeat("{", 12)]);
        string many = Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true)).Message;
        Assert.EndsWith(" (11 more lines are wrong: 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, …).", many, StringComparison.Ordinal);
    }

    [Fact]
    public void Several_right_answers_come_as_texts_numbers_or_annotations()
    {
        File.WriteAllLines(
            _file,
            [
                "{\"question\": \"q\", \"answers\": [\"two\", 2, \"two\"]}",
                "{\"question\": \"q\", \"answers\": [{\"answer\": \"red\", \"answer_id\": 1}, {\"answer\": \"blue\"}], \"answer\": \"blue\"}",
                "{\"question\": \"q\", \"answers\": []}",
            ]);

        IReadOnlyList<QuestionItem> items = QuestionFile.Read(_file, needAnswers: false);

        Assert.Equal(["two", "2", "two"], items[0].Answers);
        Assert.Equal("two", items[0].Answer); // what most of them say
        Assert.Equal(["two", "2"], items[0].RightAnswers);
        Assert.Equal(["blue", "red"], items[1].RightAnswers);
        Assert.Empty(items[2].RightAnswers);
        string without = Assert.Throws<ApertureException>(() => QuestionFile.Read(_file, needAnswers: true)).Message;
        Assert.Contains("(3): the line has no answer", without, StringComparison.Ordinal);
    }

    public void Dispose() => File.Delete(_file);
}
