namespace Aperture.Host.Tests.Cli;

/// <summary>What may be wrong with the words behind <c>aperture ask MODEL</c>, and what a picture's file says that is not honoured.</summary>
public sealed class AskWordsTests(SmallLlava small) : IClassFixture<SmallLlava>
{
    [Theory]
    [InlineData("ask has an empty name where a picture's belongs; leave it out to ask without a picture.", "", "abc?")]
    [InlineData("ask needs a question, and it is empty; write what you want to know behind the pictures.", "")]
    [InlineData(
        "ask takes pictures and then one question: 'What is it?' is no file, and 'please' stands behind it; put the whole question in quotes, last.",
        "What is it?", "please")]
    public async Task Wrong_words_are_told_in_one_line(string says, params string[] words)
    {
        (int code, string output, string error) = await CommandInProcess.Run(["ask", small.Folder, .. words]);

        Assert.Equal((1, "", $"error: {says}\n"), (code, output, error));
    }

    [Fact]
    public async Task Transparency_is_told_once_and_a_background_ends_that()
    {
        string clear = Path.Combine(small.Root, "clear.png");
        Images.Image.FromPixels(Images.ImageMode.RGBA, new byte[4 * 64], 8, 8).SavePng(clear);

        (int code, _, string error) = await CommandInProcess.Run("ask", small.Folder, clear, "abc?", "--max-new-tokens", "1");
        (_, _, string honoured) = await CommandInProcess.Run("ask", small.Folder, clear, "abc?", "--max-new-tokens", "1", "--background", "white");
        (int wrong, _, string colour) = await CommandInProcess.Run("ask", small.Folder, clear, "abc?", "--background", "mauve");

        Assert.Equal(0, code);
        Assert.Contains($"note: as the official processors do: {clear} is transparent, shown without alpha; --background COLOR lays on a colour.\n", error);
        Assert.DoesNotContain("note:", honoured);
        Assert.Equal((1, "error: 'mauve' is no colour; give white, black, grey or #rrggbb.\n"), (wrong, colour));
    }

    [Theory]
    [InlineData("abc?")]
    [InlineData("--text", "abc?")]
    public async Task A_question_without_a_picture_is_answered(params string[] question)
    {
        (int code, _, string error) = await CommandInProcess.Run(["ask", small.Folder, .. question, "--max-new-tokens", "1"]);

        Assert.Equal(0, code);
        Assert.DoesNotContain("error", error);
        Assert.DoesNotContain("visual tokens 4", error);
    }

    [Fact]
    public async Task A_question_given_as_an_option_makes_all_words_pictures()
    {
        string picture = Path.Combine(small.Root, "grey.png"), list = $"{picture},{picture}";
        Images.Image.Filled(8, 8, 90, 90, 90).SavePng(picture);

        (int code, string answer, _) = await CommandInProcess.Run("ask", small.Folder, picture, "abc?", "--max-new-tokens", "1");
        (_, string same, _) = await CommandInProcess.Run("ask", small.Folder, picture, "--text", "abc?", "--max-new-tokens", "1");
        (int wrong, _, string commas) = await CommandInProcess.Run("ask", small.Folder, list, "abc?");

        Assert.Equal((0, answer), (code, same));
        Assert.Equal((1, $"error: ask takes each picture as a word of its own: write '{picture} {picture}' without commas.\n"), (wrong, commas));
    }
}
