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
    public static TheoryData<string, ShelfQuestionType> Types
    {
        get
        {
            TheoryData<string, ShelfQuestionType> types = [];
            foreach ((string set, ShelfQuestionType type) in ShelfSet.All.SelectMany(set => set.Types.Select(type => (set.Name, type))))
            {
                types.Add(set, type);
            }

            return types;
        }
    }

    public static TheoryData<string> Sets => [.. ShelfSet.All.Select(set => set.Name)];

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
    public void Answers_follow_from_the_scene(string set, ShelfQuestionType type)
    {
        int asked = 0;
        for (int i = 0; i < 400; i++)
        {
            SeededRandom random = new(9, i);
            ShelfScene scene = ShelfSet.Named(set).Draw(random);
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
    public void A_labelled_shelf_is_the_plain_one_four_times_as_large_but_for_its_labels()
    {
        using ItemFiles files = new();
        FashionItems items = FashionItems.Load(ShelfPart.HeldOut, files.Folder);
        int[] kinds = [-1, -1, -1, -1, 4, -1, -1, -1, -1], colors = [-1, -1, -1, -1, 2, -1, -1, -1, -1];
        ShelfScene scene = new(kinds, colors);

        byte[] small = ShelfPainter.Paint(scene, items, new SeededRandom(1));
        byte[] large = ShelfSet.Numbers.Paint(scene.Labelled(new SeededRandom(2)), items, new SeededRandom(1));

        int changed = 0;
        for (int y = 0; y < ShelfLabels.Side; y++)
        {
            for (int x = 0; x < ShelfLabels.Side; x++)
            {
                ReadOnlySpan<byte> pixel = large.AsSpan(((y * ShelfLabels.Side) + x) * 3, 3);
                ReadOnlySpan<byte> plain = small.AsSpan((((y / ShelfLabels.Scale) * ShelfPainter.Side) + (x / ShelfLabels.Scale)) * 3, 3);
                bool same = pixel.SequenceEqual(plain);
                changed += same ? 0 : 1;
                Assert.True(same || (y / 128 == 1 && x / 128 == 1), $"({y}, {x}) is no part of the label of the item in the middle");
            }
        }

        Assert.InRange(changed, 500, 24 * 24);
    }

    [Fact]
    public void Numbers_of_a_shelf_differ()
    {
        for (int i = 0; i < 100; i++)
        {
            ShelfScene scene = ShelfSet.Numbers.Draw(new SeededRandom(3, i));
            Assert.All(scene.Occupied, place => Assert.InRange(scene.Number(place), 0, 9));
            Assert.Distinct(scene.Occupied.Select(scene.Number));
            Assert.Equal(scene.Occupied.Count, Enumerable.Range(0, 9).Count(place => scene.Number(place) >= 0));
        }

        Assert.All(Enumerable.Range(0, 9), place => Assert.Equal(-1, ShelfScene.Draw(new SeededRandom(3)).Number(place)));
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

    [Theory]
    [MemberData(nameof(Sets))]
    public void An_evaluation_set_holds_as_many_questions_of_every_type_and_their_pictures(string name)
    {
        using ItemFiles files = new();
        string folder = Path.Combine(files.Folder, "set");
        ShelfSet set = ShelfSet.Named(name);

        int count = ShelfEvaluationSet.Write(folder, FashionItems.Load(ShelfPart.HeldOut, files.Folder), perType: 3, seed: 1, set);

        string[] lines = File.ReadAllLines(Path.Combine(folder, ShelfEvaluationSet.QuestionsFile));
        Assert.Equal(count, lines.Length);
        JsonElement[] questions = [.. lines.Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal(
            set.Types.ToDictionary(ShelfQuestion.NameOf, _ => 3), questions.CountBy(question => question.GetProperty("type").GetString()!).ToDictionary());
        Assert.Distinct(questions.Select(question => $"{question.GetProperty("image")} {question.GetProperty("question")}"));
        Assert.All(
            questions.Select(question => question.GetProperty("image").GetString()!).Distinct(),
            image => Assert.Equal(set.Side, Image.Load(Path.Combine(folder, image)).Width));
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
        string[] digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"];
        string Label(int place) => digits[scene.Number(place)];
        string[] places =
            ["top left", "top center", "top right", "middle left", "middle center", "middle right", "bottom left", "bottom center", "bottom right"];
        Match match = Regex.Match(question, @"^What is in the (.+)\?$");
        if (match.Success)
        {
            return items[Array.IndexOf(places, match.Groups[1].Value)];
        }

        if ((match = Regex.Match(question, @"^What number is on the item in the (.+)\?$")).Success)
        {
            return Label(Array.IndexOf(places, match.Groups[1].Value));
        }

        if ((match = Regex.Match(question, @"^What number is on the (\w+ \w+)\?$")).Success)
        {
            return Label(Array.IndexOf(items, items.Single(item => item == match.Groups[1].Value)));
        }

        if ((match = Regex.Match(question, @"^Where is the number (\w+)\?$")).Success)
        {
            return places[Enumerable.Range(0, 9).Single(place => scene.Number(place) == Array.IndexOf(digits, match.Groups[1].Value))];
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
