using System.Text.Json;
using Aperture.Data;
using Aperture.Images;
using Aperture.Workshop;

namespace Aperture.Host.Tests.Workshop;

/// <summary>Painted heads, their sentences, and the judge of pictures of them.</summary>
public sealed class HeadTests : IDisposable
{
    private static readonly PaintedHead _woman = new([1, 0, 3, 1, 1, 0, 0, 1]);

    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-heads-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_camera_projects_a_point_of_its_ray_back_to_the_pixel()
    {
        HeadCamera camera = new(0.5, -0.2);
        (double x, double y, double depth) = camera.Project(camera.Place + (0.97f * camera.Direction(0.3, -0.6)));
        Assert.Equal((0.3, -0.6, 0.97), (x, y, depth), (one, other) => Math.Abs(one.Item1 - other.Item1) + Math.Abs(one.Item2 - other.Item2) < 1e-4
            && Math.Abs(one.Item3 - other.Item3) < 1e-5);
        Assert.Equal((0, 0), (new HeadCamera(0, 0).Place.Y, new HeadCamera(0, 0).Place.Z));
        Assert.True(new HeadCamera(0.5, 0).Place.Y > 0 && new HeadCamera(0, 0.5).Place.Z > 0);
    }

    [Fact]
    public void Views_agree_on_what_they_show()
    {
        // Points of one view, taken into another where nothing hides them, have its depth and, under light that stays, its colour.
        HeadCamera from = new(-0.2, 0.05), to = new(0.2, 0);
        HeadView first = HeadPainter.Paint(_woman, from), second = HeadPainter.Paint(_woman, to);
        int seen = 0, alike = 0;
        for (int pixel = 0; pixel < first.Depth.Length; pixel++)
        {
            double x = HeadPainter.Coordinate(pixel % HeadPainter.Side), y = -HeadPainter.Coordinate(pixel / HeadPainter.Side);
            (double atX, double atY, double depth) = to.Project(from.Place + (first.Depth[pixel] * from.Direction(x, y)));
            int column = (int)Math.Round((atX + 1) / 2 * (HeadPainter.Side - 1)), row = (int)Math.Round((1 - atY) / 2 * (HeadPainter.Side - 1));
            if (first.Depth[pixel] == 0 || column is < 0 or >= HeadPainter.Side || row is < 0 or >= HeadPainter.Side)
            {
                continue;
            }

            int other = (row * HeadPainter.Side) + column;
            if (Math.Abs(second.Depth[other] - depth) < 0.003)
            {
                seen++;
                int difference = Enumerable.Range(0, 3).Max(channel => Math.Abs(first.Pixels[(3 * pixel) + channel] - second.Pixels[(3 * other) + channel]));
                alike += difference < 40 ? 1 : 0;
            }
        }

        Assert.True(seen > 1000, $"{seen} points");
        Assert.True(alike > 0.9 * seen, $"{alike} of {seen} points");
        Assert.InRange(first.Depth.Where(depth => depth > 0).Min(), HeadCamera.Near, 1);
        Assert.InRange(first.Depth.Max(), 1, HeadCamera.Far);
    }

    [Fact]
    public void The_judge_tells_every_attribute_of_heads_of_other_proportions()
    {
        int[] right = new int[HeadWords.Attributes.Count], seen = new int[HeadWords.Attributes.Count];
        for (int number = 0; number < 12; number++)
        {
            SeededRandom random = new(3, number);
            PaintedHead head = PaintedHead.Draw(HeadPart.HeldOut, random);
            HeadCamera camera = new(random.Uniform(-0.6, 0.6), random.Uniform(-0.25, 0.25));
            byte[] pixels = HeadPainter.Paint(head, camera).Pixels;
            foreach (HeadAttribute attribute in HeadWords.Attributes)
            {
                // The judge is told another value, and knows the usual proportions alone.
                PaintedHead told = head.Usual().With(attribute, 0);
                int shown = HeadJudge.Shown(pixels, camera, told, attribute);
                seen[(int)attribute] += shown < 0 ? 0 : 1;
                right[(int)attribute] += shown == head[attribute] ? 1 : 0;
            }
        }

        Assert.All(seen, count => Assert.InRange(count, 11, 12));
        Assert.All(right.Zip(seen), pair => Assert.InRange(pair.First, pair.Second - 1, pair.Second));
        Assert.True(right.Sum() >= seen.Sum() - 2, $"{right.Sum()} of {seen.Sum()}");
    }

    [Fact]
    public void A_picture_without_a_head_is_not_taken_for_one()
    {
        byte[] black = new byte[3 * HeadPainter.Side * HeadPainter.Side];
        Assert.Equal(Array.IndexOf(["black", "brown", "blond", "red", "grey"], "black"), HeadJudge.Shown(black, new(0, 0), _woman, HeadAttribute.HairColor));
        Assert.Equal(0, HeadJudge.Shown([.. Enumerable.Repeat((byte)150, black.Length)], new(0, 0), _woman, HeadAttribute.Wall));
        Assert.Throws<ArgumentException>(() => HeadJudge.Shown(black.AsSpan(3), new(0, 0), _woman, HeadAttribute.Wall));
    }

    [Fact]
    public void Sentences_name_what_a_head_has_and_nothing_else()
    {
        Assert.Equal("a woman with pale skin, long red hair and glasses before a green wall", HeadSentences.Of(_woman)[0]);
        PaintedHead man = new([0, 2, 0, 0, 0, 1, 1, 0]);
        Assert.All(HeadSentences.Of(man), sentence => Assert.True(
            sentence.Contains("a beard", StringComparison.Ordinal) && sentence.Contains("a blue hat", StringComparison.Ordinal)
            && sentence.Contains("short black hair", StringComparison.Ordinal) && !sentence.Contains("glasses", StringComparison.Ordinal)));
    }

    [Fact]
    public void Parts_share_no_combination_and_an_edit_of_training_stays_in_it()
    {
        for (int number = 0; number < 200; number++)
        {
            SeededRandom random = new(5, number);
            HeadPart part = number % 2 == 0 ? HeadPart.Training : HeadPart.HeldOut;
            PaintedHead head = PaintedHead.Draw(part, random);
            (PaintedHead edited, HeadAttribute attribute) = head.Edited(random);
            Assert.Equal(part, head.Part);
            Assert.Equal([attribute], HeadWords.Attributes.Where(one => head[one] != edited[one]));
            Assert.True(part == HeadPart.HeldOut || edited.Part == HeadPart.Training);
            Assert.False(edited.Word(HeadAttribute.Person) == "woman" && edited[HeadAttribute.Beard] == 1);
        }
    }

    [Fact]
    public void A_set_is_the_same_for_the_same_seed_and_says_what_its_pictures_show()
    {
        string set = Path.Combine(_folder, "set"), again = Path.Combine(_folder, "again");
        Assert.Equal(6, HeadSet.Write(set, HeadPart.Training, 3, 2, 7));
        HeadSet.Write(again, HeadPart.Training, 3, 2, 7);

        string[] lines = File.ReadAllLines(Path.Combine(set, HeadSet.SamplesFile));
        Assert.Equal(lines, File.ReadAllLines(Path.Combine(again, HeadSet.SamplesFile)));
        foreach (string text in lines)
        {
            JsonElement line = JsonElement.Parse(text), attributes = line.GetProperty("attributes");
            double Number(string name) => line.GetProperty(name).GetDouble();
            byte[] Pixels(string field) => Image.Load(Path.Combine(set, line.GetProperty(field).GetString()!)).Pixels.ToArray();
            int[] values = [.. HeadWords.Attributes.Select(one => attributes.GetProperty(one.ToString()).GetInt32())];
            PaintedHead head = new(values, Number("width"), Number("height"));
            HeadView painted = HeadPainter.Paint(head, new HeadCamera(Number("yaw"), Number("pitch")));
            Assert.Equal(painted.Pixels, Pixels("image"));
            Assert.Equal(painted.Depth.Select(depth => depth > 0), Pixels("depth").Select(grey => grey > 0));
            Assert.Contains(line.GetProperty("text").GetString(), HeadSentences.Of(head));
            HeadAttribute attribute = Enum.Parse<HeadAttribute>(line.GetProperty("edit_attribute").GetString()!);
            PaintedHead edited = head.With(attribute, line.GetProperty("edit_value").GetInt32());
            Assert.Contains(line.GetProperty("edit_text").GetString(), HeadSentences.Of(edited));
            Assert.Equal(HeadPainter.Paint(edited, new HeadCamera(Number("yaw"), Number("pitch"))).Pixels, Pixels("edit"));
        }
    }

    [Theory]
    [InlineData(7)]
    [InlineData(9)]
    public void A_head_has_a_value_of_each_attribute(int count) => Assert.Throws<ArgumentException>(() => new PaintedHead(new int[count]));
}
