using System.Text.Json;
using System.Text.RegularExpressions;
using Aperture.Data;
using Aperture.Images;
using Aperture.Pipelines;
using Aperture.Requests;
using Aperture.Workshop;
using Xunit;

namespace Aperture.Host.Tests.Workshop;

public sealed class ShelfTests
{
    public static TheoryData<ShelfQuestionType> Types => [.. Enum.GetValues<ShelfQuestionType>()];

    [Fact]
    public void Streams_of_a_seed_repeat_and_differ_from_each_other()
    {
        ulong[] first = Bits(new SeededRandom(5, 1)), again = Bits(new SeededRandom(5, 1)), other = Bits(new SeededRandom(5, 2));

        Assert.Equal(first, again);
        Assert.Empty(first.Intersect(other));

        static ulong[] Bits(SeededRandom random) => [.. Enumerable.Range(0, 1000).Select(_ => random.NextBits())];
    }

    [Fact]
    public void Same_seed_paints_the_same_picture()
    {
        using ItemFiles files = new();
        FashionItems items = FashionItems.Load(ShelfPart.HeldOut, files.Folder);

        byte[] Paint(long seed)
        {
            SeededRandom random = new(seed);
            return ShelfPainter.Paint(ShelfScene.Draw(random), items, random);
        }

        Assert.Equal(Paint(3), Paint(3));
        Assert.NotEqual(Paint(3), Paint(4));
        Assert.Equal(ShelfPainter.Side * ShelfPainter.Side * 3, Paint(3).Length);
    }

    [Fact]
    public void An_item_shows_its_tint_at_its_place()
    {
        using ItemFiles files = new();
        FashionItems items = FashionItems.Load(ShelfPart.Training, files.Folder);
        int[] kinds = [-1, -1, -1, -1, 4, -1, -1, -1, -1], colors = [-1, -1, -1, -1, 2, -1, -1, -1, -1];

        byte[] picture = ShelfPainter.Paint(new ShelfScene(kinds, colors), items, new SeededRandom(1));

        Assert.True(Blue(48, 48) > 60, "the blue bag stands in the middle");
        Assert.True(Blue(16, 16) < 0, "the wall is brown");

        int Blue(int y, int x) => picture[(((y * ShelfPainter.Side) + x) * 3) + 2] - picture[((y * ShelfPainter.Side) + x) * 3];
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Answers_follow_from_the_scene(ShelfQuestionType type)
    {
        int asked = 0;
        for (int i = 0; i < 400; i++)
        {
            SeededRandom random = new(9, i);
            ShelfScene scene = ShelfScene.Draw(random);
            if (ShelfInterviewer.Ask(scene, type, random) is { } question)
            {
                asked++;
                Assert.Equal(Expected(scene, question.Question), question.Answer);
            }
        }

        Assert.True(asked > 200, $"only {asked} questions of {type}");
    }

    [Theory]
    [InlineData(ShelfQuestionType.IsAt)]
    [InlineData(ShelfQuestionType.IsThere)]
    public void Yes_and_no_are_equally_likely(ShelfQuestionType type)
    {
        string[] answers = [.. Answers(type)];

        Assert.InRange(answers.Count(answer => answer == "yes") / (double)answers.Length, 0.4, 0.6);
    }

    [Theory]
    [InlineData(ShelfQuestionType.CountKind)]
    [InlineData(ShelfQuestionType.CountColor)]
    public void No_count_is_the_answer_to_half_of_the_questions(ShelfQuestionType type)
    {
        string[] answers = [.. Answers(type)];

        Assert.True(answers.GroupBy(answer => answer).Max(group => group.Count()) < 0.5 * answers.Length);
    }

    [Fact]
    public void A_missing_data_set_is_named_with_its_package()
    {
        ApertureException error = Assert.Throws<ApertureException>(() => FashionItems.Load(ShelfPart.Training, "/nowhere"));

        Assert.Contains("apt-get install dataset-fashion-mnist", error.Message);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void A_damaged_data_set_is_refused_in_one_line()
    {
        using ItemFiles files = new();
        File.WriteAllText(Path.Combine(files.Folder, "train-images-idx3-ubyte.gz"), "no gzip");

        ApertureException error = Assert.Throws<ApertureException>(() => FashionItems.Load(ShelfPart.Training, files.Folder));

        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void An_evaluation_set_holds_as_many_questions_of_every_type_and_their_pictures()
    {
        using ItemFiles files = new();
        string folder = Path.Combine(files.Folder, "set");

        int count = ShelfEvaluationSet.Write(folder, FashionItems.Load(ShelfPart.HeldOut, files.Folder), perType: 3, seed: 1);

        string[] lines = File.ReadAllLines(Path.Combine(folder, ShelfEvaluationSet.QuestionsFile));
        Assert.Equal(count, lines.Length);
        JsonElement[] questions = [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.All(questions.GroupBy(question => question.GetProperty("type").GetString()), group => Assert.Equal(3, group.Count()));
        Assert.All(
            questions.Select(question => question.GetProperty("image").GetString()!).Distinct(),
            image => Assert.Equal(ShelfPainter.Side, Image.Load(Path.Combine(folder, image)).Width));
    }

    private static IEnumerable<string> Answers(ShelfQuestionType type)
    {
        for (int i = 0; i < 1000; i++)
        {
            SeededRandom random = new(11, i);
            if (ShelfInterviewer.Ask(ShelfScene.Draw(random), type, random) is { } question)
            {
                yield return question.Answer;
            }
        }
    }

    // A second, independent reading of the questions.
    private static string Expected(ShelfScene scene, string question)
    {
        string[] items = [.. Enumerable.Range(0, 9).Select(scene.Item)];
        string[] places =
            ["top left", "top center", "top right", "middle left", "middle center", "middle right", "bottom left", "bottom center", "bottom right"];
        Match match = Regex.Match(question, @"^What is in the (.+)\?$");
        if (match.Success)
        {
            return items[Array.IndexOf(places, match.Groups[1].Value)];
        }

        if ((match = Regex.Match(question, @"^What color is the item in the (.+)\?$")).Success)
        {
            return items[Array.IndexOf(places, match.Groups[1].Value)].Split(' ')[0];
        }

        if ((match = Regex.Match(question, @"^Is there a (\w+) in the (.+)\?$")).Success)
        {
            return items[Array.IndexOf(places, match.Groups[2].Value)].EndsWith(" " + match.Groups[1].Value, StringComparison.Ordinal) ? "yes" : "no";
        }

        if ((match = Regex.Match(question, @"^Is there a (\w+ \w+)\?$")).Success)
        {
            return items.Contains(match.Groups[1].Value) ? "yes" : "no";
        }

        if ((match = Regex.Match(question, @"^Where is the (\w+ \w+)\?$")).Success)
        {
            return places[Array.IndexOf(items, items.Single(item => item == match.Groups[1].Value))];
        }

        if ((match = Regex.Match(question, @"^What color is the (\w+)\?$")).Success)
        {
            return items.Single(item => item.EndsWith(" " + match.Groups[1].Value, StringComparison.Ordinal)).Split(' ')[0];
        }

        if ((match = Regex.Match(question, @"^What is (left|right) of the (\w+ \w+)\?$")).Success)
        {
            return items[Array.IndexOf(items, match.Groups[2].Value) + (match.Groups[1].Value == "left" ? -1 : 1)];
        }

        match = Regex.Match(question, @"^(How many|Where are the) (.+?)( are there)?\?$");
        Assert.True(match.Success, question);
        string subject = match.Groups[2].Value;
        bool Fits(string item) => subject.EndsWith(" items", StringComparison.Ordinal)
            ? item.StartsWith(subject[..^6] + " ", StringComparison.Ordinal)
            : item != "nothing" && (subject == item.Split(' ')[1] + "s" || subject == item.Split(' ')[1] + "es");
        int[] found = [.. Enumerable.Range(0, 9).Where(place => Fits(items[place]))];
        return match.Groups[1].Value == "How many" ? ((string[])["zero", "one", "two", "three", "four"])[found.Length]
            : found.Length == 0 ? "nowhere" : string.Join(", ", found.Select(place => places[place]));
    }
}
