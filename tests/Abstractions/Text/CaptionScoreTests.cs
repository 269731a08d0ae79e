using Aperture.Text;

namespace Aperture.Abstractions.Tests.Text;

/// <summary>Scores of captions: what must hold of each, files, and messages.</summary>
public sealed class CaptionScoreTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-captions-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_reference_scores_highest_and_other_words_nothing()
    {
        CaptionedItem[] items =
        [
            new("1", "a red ball on the left", ["a red ball on the left", "the ball"]),
            new("2", "zebras everywhere here now", ["a dog sits on a bench"]),
            new("3", "", ["a dog"]),
        ];

        CaptionScores scores = CaptionScores.Of(items);

        Assert.Equal(["BLEU-1", "BLEU-2", "BLEU-3", "BLEU-4", "ROUGE-L", "CIDEr-D", "CIDEr"], scores.Named.Select(pair => pair.Name));
        Assert.All(scores.Named, pair => Assert.True(pair.Score.Each[0] > pair.Score.Each[1] && pair.Score.Each[1] < 1e-3, pair.Name));
        Assert.Equal(1, scores.RougeL.Each[0], 9);
        Assert.Equal(1, scores.Bleu[3].Each[0], 6);
        Assert.Equal(0, scores.CiderD.Each[2]);
        Assert.All(scores.Named, pair => Assert.True(double.IsFinite(pair.Score.Total), pair.Name));
    }

    // One picture whose reference is the caption: the cosine of each length is one, times ten.
    [Fact]
    public void Cider_is_ten_where_caption_and_reference_are_one_and_rare()
    {
        Cider cider = new([["a red ball rolls"], ["the blue box"], ["green trees"]]);
        CaptionedItem same = new("1", "a red ball rolls", ["a red ball rolls"]), longer = new("2", "a red ball rolls a red ball rolls", ["a red ball rolls"]);

        Assert.Equal(10, cider.ScoreAll([same]).Total, 9);
        double robust = cider.ScoreAll([longer]).Total, plain = new Cider(
            [["a red ball rolls"], ["the blue box"], ["green trees"]])
        { IsRobust = false }.ScoreAll([longer]).Total;
        Assert.True(robust < plain && plain < 10, $"{robust} {plain}");
    }

    [Fact]
    public void Repeated_words_count_as_often_as_a_reference_has_them()
    {
        CaptionedItem item = new("1", "the the the the", ["the cat is on the mat"]);

        Assert.Equal(2 / 4.0 * Math.Exp(1 - (6 / 4.0)), Bleu.Score([item])[0].Total, 6);
    }

    [Fact]
    public void Rouge_takes_the_best_precision_and_the_best_recall()
    {
        CaptionedItem item = new("1", "a b c d", ["a b", "a x c y d z"]);
        const double precision = 3 / 4.0, recall = 1, beta = 1.2 * 1.2;

        Assert.Equal((1 + beta) * precision * recall / (recall + (beta * precision)), RougeL.Score([item]).Total, 9);
    }

    [Theory]
    [InlineData("A man, riding a wave -- on top!", "a man riding a wave on top")]
    [InlineData("Don't they've the dogs' ball?", "do n't they 've the dogs ball")]
    [InlineData("it's cannot gonna wanna lemme", "it 's can not gon na wan na lem me")]
    [InlineData("A (small) {x} [y] <z>", "a -lrb- small -rrb- -lcb- x -rcb- -lsb- y -rsb- <z>")]
    [InlineData("costs $3.50 or 1,000 at 10:30 in the 1990s", "costs $ 3.50 or 1,000 at 10:30 in the 1990s")]
    [InlineData("Mr. Smith's t-shirt; e.g. U.S. flags etc.", "mr. smith 's t-shirt e.g. u.s. flags etc.")]
    [InlineData("see www.example.com or a@b.org #tag @home", "see www.example.com or a@b.org #tag @home")]
    [InlineData("“quoted” ‘words’ … and–so", "quoted words and so")]
    [InlineData("at 5 o'clock, rock 'n' roll", "at 5 o'clock rock 'n' roll")]
    [InlineData("black & white, 50% off + more", "black & white 50 % off + more")]
    [InlineData("open 10:30-11:30, a 1,000-foot drop at 9:30am", "open 10:30-11:30 a 1,000-foot drop at 9:30 am")]
    [InlineData("a 3d-printed skate-boarder's ramp w/ rails", "a 3d-printed skate-boarder 's ramp w / rails")]
    [InlineData("ma'am, y'all rock'n'roll 'til '90s", "ma'am y' all rock 'n' roll 'til '90s")]
    [InlineData("No. 5 on T.V. :)", "no. 5 on t.v. :-rrb-")]
    [InlineData("two  blanks\nand a line", "two blanks and a line")]
    [InlineData("", "")]
    [InlineData("...", "")]
    public void Captions_are_cut_as_the_treebank_has_them(string caption, string expected) => Assert.Equal(expected, PtbTokenizer.Tokenize(caption));

    // The short way for plain words must give what the rules give.
    [Fact]
    public void Plain_words_are_cut_alike_with_and_without_the_rules()
    {
        const string words = "a cat that cannot be gonna stay on the Table IN U about him";

        Assert.Equal(PtbTokenizer.Words(words), words.Split(' ').SelectMany(word => PtbTokenizer.Words("(" + word + ")")).Where(word => word[0] != '-'));
    }

    [Fact]
    public void Every_shape_of_file_is_read()
    {
        string results = Write("results.json", """[{"image_id": 7, "caption": "a dog"}, {"image_id": "x", "caption": "a cat"}]""");
        string annotations = Write("annotations.json", """{"annotations": [{"image_id": 7, "caption": "A dog."}, {"image_id": 7, "caption": "the dog"}]}""");
        string plain = Write("plain.json", """{"x": ["a cat", "cats"], "y": "unused", "7": "dogs"}""");

        Assert.Equal(["7", "x"], CaptionFile.Read(results).Select(pair => pair.Key));
        Assert.Equal(["A dog.", "the dog"], CaptionFile.Read(annotations).Single().Value);
        IReadOnlyList<CaptionedItem> items = CaptionFile.Join(CaptionFile.Read(results), CaptionFile.Read(plain));
        Assert.Equal([("7", "a dog", 1), ("x", "a cat", 2)], items.Select(item => (item.Id, item.Caption, item.References.Count)));
    }

    [Theory]
    [InlineData("""[{"image_id": 1, "caption": "a"}, {"image_id": 1, "caption": "b"}]""", """{"1": ["a"]}""", "Picture '1' has 2 captions to score; give one")]
    [InlineData("""{"1": "a"}""", """{"2": ["a"]}""", "Picture '1' has a caption but no reference")]
    [InlineData("""{"1": "a"}""", """{"1": []}""", "Picture '1' has a caption but no reference")]
    [InlineData("[]", """{"1": ["a"]}""", "There is no caption to score")]
    [InlineData("""{"1": 3}""", """{"1": ["a"]}""", "holds no captions")]
    [InlineData("""[{"caption": "a"}]""", """{"1": ["a"]}""", "holds no captions")]
    [InlineData("""[{"image_id": 1.5, "caption": "a"}]""", """{"1": ["a"]}""", "holds no captions")]
    [InlineData("no json", """{"1": ["a"]}""", "holds no captions")]
    public void What_cannot_be_scored_is_one_line(string captions, string references, string expected)
    {
        string first = Write("captions.json", captions), second = Write("references.json", references);

        ApertureException error = Assert.Throws<ApertureException>(() => CaptionFile.Join(CaptionFile.Read(first), CaptionFile.Read(second)));

        Assert.Contains(expected, error.Message);
        Assert.DoesNotContain('\n', error.Message);
        Assert.Throws<ApertureException>(() => CaptionFile.Read("nowhere.json"));
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        return path;
    }
}
