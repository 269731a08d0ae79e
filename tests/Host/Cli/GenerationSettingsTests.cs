using System.Text.Json;

namespace Aperture.Host.Tests.Cli;

/// <summary>The checkpoint's generation settings hold in every verb that asks, and each can be overridden.</summary>
[Collection(WholeProcess.Name)]
public sealed class GenerationSettingsTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Fact]
    public async Task Every_verb_ends_an_answer_where_the_checkpoint_says_and_the_command_line_outranks_it()
    {
        string folder = Variant("""{"max_new_tokens": 1}""");
        string questions = Path.Combine(small.Root, "questions.jsonl"), output = Path.Combine(small.Root, "out");
        File.WriteAllText(questions, JsonSerializer.Serialize(new { image = small.Picture, question = "abc?", answer = "a" }));

        (int code, string one, _) = await CommandInProcess.Run("ask", folder, small.Picture, "abc?", "--threads", "1");
        (_, string three, _) = await CommandInProcess.Run("ask", folder, small.Picture, "abc?", "--threads", "1", "--max-new-tokens", "3");
        (int scored, _, _) = await CommandInProcess.Run("eval", folder, questions, "--output", output, "--threads", "1");
        (int measured, string figures, _) = await CommandInProcess.Run("bench", folder, small.Picture, "abc?", "--threads", "1", "--runs", "1", "--json");

        Assert.Equal((0, 1), (code, Words(one)));
        Assert.Equal(3, Words(three));
        Assert.Equal(0, scored);
        using JsonDocument sample = JsonDocument.Parse(File.ReadAllLines(Path.Combine(output, "samples.jsonl"))[0]);
        Assert.Equal(one.Trim(), sample.RootElement.GetProperty("answer").GetString()!.Trim());
        Assert.Equal(0, measured);
        Assert.Contains($"\"{one.Trim()}", figures, StringComparison.Ordinal);
        Assert.DoesNotContain(three.Trim(), figures, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_do_not_go_together_keep_nothing_from_opening_and_are_told_by_the_files_name()
    {
        string folder = Variant("""{"num_beams": 2, "do_sample": true, "temperature": 0.7, "max_new_tokens": 2}""");

        (int code, _, string told) = await CommandInProcess.Run("ask", folder, small.Picture, "abc?", "--threads", "1");
        (int greedy, _, string silent) = await CommandInProcess.Run(
            "ask", folder, small.Picture, "abc?", "--threads", "1", "--beams", "1", "--temperature", "0");

        Assert.Equal((0, 0), (code, greedy));
        Assert.Contains("generation_config.json: num_beams 2 with do_sample (temperature 0.7)", told, StringComparison.Ordinal);
        Assert.DoesNotContain("num_beams", silent, StringComparison.Ordinal);
    }

    private static int Words(string answer) => answer.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries).Length;

    private string Variant(string settings)
    {
        string folder = Directory.CreateDirectory(Path.Combine(small.Root, Guid.NewGuid().ToString("N"))).FullName;
        foreach (string file in Directory.GetFiles(small.Folder))
        {
            File.Copy(file, Path.Combine(folder, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(folder, "generation_config.json"), settings);
        return folder;
    }
}
