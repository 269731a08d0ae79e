using Aperture.Data;
using Aperture.Evaluation;
using Aperture.Models;
using Aperture.Pipelines;

namespace Aperture.Host.Tests.Cli;

/// <summary><c>aperture quantize</c>: the shipped model in few bits answers as it did, and what cannot be is one line.</summary>
public sealed class QuantizeCommandTests(SmallLlava small) : IClassFixture<SmallLlava>, IDisposable
{
    private static readonly string _questions = Repository.Path("scripts", "data", "shelf-eval", "questions.jsonl");
    private static readonly ModelOptions _single = new() { Type = "float32", Threads = 1 };
    private readonly string _root = Directory.CreateTempSubdirectory("aperture-quantize").FullName;

    [Theory]
    [Trait("Category", "Process")]
    [InlineData("int8", "32")]
    [InlineData("int4", "32")]
    public async Task A_shipped_model_answers_from_its_written_checkpoint_as_when_it_is_converted(string weights, string group)
    {
        string written = Path.Combine(_root, "written");
        (int code, string output, string error) = await CommandInProcess.Run(
            "quantize", "tiny-llava", "--weights", weights, "--group", group, "--output", written, "--threads", "1");

        Assert.Equal((0, ""), (code, error));
        Assert.StartsWith("83 matrices in ", output, StringComparison.Ordinal);
        Assert.EndsWith($"wrote {written}\n", output, StringComparison.Ordinal);
        await using EngineSession session = EngineSessions.Open(_single);
        IReadOnlyList<QuestionItem> items = [.. QuestionFile.Read(_questions, needAnswers: true).Take(12)];
        EvaluationReport converted = Evaluator.Run(session.Load("tiny-llava", _single with { Weights = weights }), items);
        EvaluationReport mapped = Evaluator.Run(session.Load(written), items);
        Assert.Equal(converted.Results.Select(result => result.Given), mapped.Results.Select(result => result.Given));
    }

    [Fact]
    [Trait("Category", "Process")]
    public async Task A_shipped_model_that_was_fitted_on_questions_answers_about_as_well_as_it_did()
    {
        string written = Path.Combine(_root, "fitted");
        (int code, string output, string error) = await CommandInProcess.Run(
            "quantize", "tiny-llava", "--weights", "int4", "--on", _questions, "--samples", "4", "--output", written, "--threads", "1");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("fitted on 4 questions: the weights are off by ", output, StringComparison.Ordinal);
        await using EngineSession session = EngineSessions.Open(_single);
        IReadOnlyList<QuestionItem> items = [.. QuestionFile.Read(_questions, needAnswers: true).Skip(4).Take(36)];
        double before = Evaluator.Run(session.Load("tiny-llava"), items).Results.Average(result => result.Score);
        double after = Evaluator.Run(session.Load(written), items).Results.Average(result => result.Score);
        Assert.InRange(after, before - 0.06, 1); // two of them
    }

    [Theory]
    [InlineData("Weights 'int7' are not known; use auto, stored, int8 or int4.", "--weights", "int7")]
    [InlineData("Weights in 'stored' are not quantised; give int8 or int4 (--weights).", "--weights", "stored")]
    [InlineData("Groups of 48 inputs are not supported; give 32 or 64 (--group).", "--weights", "int4", "--group", "48")]
    [InlineData("Eight bits have a scale for each output and no groups, but --group is 64; leave it out or use int4.", "--weights", "int8", "--group", "64")]
    public async Task What_cannot_be_is_one_line_and_writes_nothing(string says, params string[] options)
    {
        string[] command = ["quantize", small.Folder, "--output", Path.Combine(_root, "out"), .. options];

        Assert.Equal((1, "", $"error: {says}\n"), await CommandInProcess.Run(command));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_root));
    }

    [Fact]
    public async Task A_folder_that_is_there_is_not_overwritten()
    {
        (int code, string output, string error) = await CommandInProcess.Run("quantize", small.Folder, "--weights", "int8", "--output", _root);

        Assert.Equal((1, "", $"error: '{_root}' is there already and is not overwritten; give another --output, or remove it first.\n"), (code, output, error));
    }

    public void Dispose() => Directory.Delete(_root, recursive: true);
}
