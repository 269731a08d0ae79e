using Aperture.Data;

namespace Aperture.Host.Tests.Cli;

public sealed class SampleFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-samples-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void The_shipped_picture_and_questions_are_found_from_any_folder()
    {
        Assert.Equal(96, new ImageGlobals(_folder).Sample("shelf").Width);
        IReadOnlyList<QuestionItem> items = new QuestionGlobals(_folder).Sample("shelf-eval");
        Assert.Equal(File.ReadLines(Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl")).Count(), items.Count);
        Assert.All(items, item => Assert.True(File.Exists(item.Image)));
    }

    [Fact]
    public void An_unknown_sample_is_one_line_with_those_there_are()
    {
        Assert.Equal(
            "There is no sample 'shelve' of picture; there is shelf.",
            Assert.Throws<ApertureException>(() => new ImageGlobals(_folder).Sample("shelve")).Message);
        Assert.StartsWith(
            "There is no sample '../data' of questions; there are numbers-eval, shelf-eval.",
            Assert.Throws<ApertureException>(() => new QuestionGlobals(_folder).Sample("../data")).Message);
    }

    [Fact]
    public void Questions_are_read_beside_the_script()
    {
        File.WriteAllText(Path.Combine(_folder, "own.jsonl"), """{"image": "a.png", "question": "What?", "answer": "this"}""");
        Assert.Equal("this", Assert.Single(new QuestionGlobals(_folder).Load("own.jsonl")).Answer);
    }
}
