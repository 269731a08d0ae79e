using System.IO.Compression;
using System.Text;
using Aperture.Plugins.DtNet.Data;
using Aperture.Plugins.DtNet.Training;
using Aperture.Tasks;

namespace Aperture.Plugins.DtNet.Tests;

/// <summary>Files of features, vocabularies and splits, whole and damaged.</summary>
public sealed class DataTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("aperture-dtnet-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Features_lie_in_archives_and_folders_too()
    {
        File.WriteAllBytes(At("5.npy"), Npy("<f4", "(2, 3)", [.. Enumerable.Range(0, 6).SelectMany(value => BitConverter.GetBytes((float)value))]));
        using (ZipArchive archive = ZipFile.Open(At("all.npz"), ZipArchiveMode.Create))
        {
            archive.CreateEntryFromFile(At("5.npy"), "5_features.npy");
        }

        foreach (string path in new[] { At("all.npz"), _folder })
        {
            using FeatureFile file = FeatureFile.Open(path, FeatureKey.Auto);
            FeatureRows rows = file.Read("COCO_train2014_000000000005.jpg");
            Assert.Equal((2, 3), (rows.Rows, rows.Channels));
            Assert.Equal([0, 1, 2, 3, 4, 5, 0, 0, 0], FeatureFile.Fit(rows, 3));
            Assert.Equal([0, 1, 2], FeatureFile.Fit(rows, 1));
            Assert.Contains("holds no features of picture '6'", Assert.Throws<ApertureException>(() => file.Read("6")).Message);
        }
    }

    // Every damage gives features or one line, and never hangs or crashes.
    [Fact]
    public void A_damaged_hdf5_file_is_one_line()
    {
        byte[] whole = File.ReadAllBytes(Repository("tests", "Golden", "data", "dtnet", "features", "coco_grid_feats2.hdf5"));
        Random random = new(7);
        int refused = 0;
        for (int round = 0; round < 60; round++)
        {
            byte[] bytes = round % 3 == 0 ? whole[..random.Next(whole.Length)] : [.. whole];
            for (int flip = 0; flip < (round % 3) * 8 && bytes.Length > 0; flip++)
            {
                bytes[random.Next(Math.Min(bytes.Length, 2048))] ^= (byte)(1 << random.Next(8));
            }

            File.WriteAllBytes(At("damaged.hdf5"), bytes);
            try
            {
                using FeatureFile file = FeatureFile.Open(At("damaged.hdf5"), FeatureKey.Auto);
                file.Read("22");
            }
            catch (ApertureException error)
            {
                refused++;
                Assert.DoesNotContain('\n', error.Message);
            }
        }

        Assert.InRange(refused, 20, 60);
        Assert.Contains("There is no feature file", Assert.Throws<ApertureException>(() => FeatureFile.Open(At("nowhere.hdf5"), FeatureKey.Auto)).Message);
    }

    [Fact]
    public void A_vocabulary_is_made_by_frequency_and_then_by_letters()
    {
        Vocabulary made = Vocabulary.Make([["b", "a", "c"], ["b", "a", "d"], ["b", "<eos>"]], least: 1);

        Assert.Equal(["<unk>", "<pad>", "<bos>", "<eos>", "b", "a", "c", "d"], made.Words);
        Assert.Equal(["<unk>", "<pad>", "<bos>", "<eos>", "a", "b"], Vocabulary.Make([["b", "a", "c"], ["b", "a", "d"]], least: 2).Words);
        Assert.NotEqual(made.Hash, new Vocabulary([.. made.Words.Take(4), .. made.Words.Skip(4).Reverse()], "test").Hash);
        Assert.Equal("b a", made.Decode([4, 4, 5, 3, 4], dropRepeats: true));
        Assert.Equal([2, 5, 0, 3], made.Encode(["a", "zebra"]));
    }

    [Theory]
    [InlineData("""["<unk>", "<pad>", "<bos>"]""", "there is no word <eos>")]
    [InlineData("""["<unk>", "<pad>", "<bos>", "<eos>", "a", "a"]""", "the word 'a' stands twice, as 4 and 5")]
    public void A_wrong_vocabulary_is_one_line(string words, string expected)
    {
        File.WriteAllText(At("words.json"), words);
        Assert.Contains(expected, Assert.Throws<ApertureException>(() => Vocabulary.Read(At("words.json"))).Message);
        File.WriteAllBytes(At("words.pkl"), [0x80, 3, (byte)']', (byte)'.']);
        Assert.Contains("holds no vocabulary", Assert.Throws<ApertureException>(() => Vocabulary.Read(At("words.pkl"))).Message);
    }

    [Fact]
    public void Karpathys_split_is_train_and_restval_val_and_test()
    {
        string Captions(params (int Id, int Image, string Text)[] captions)
        {
            IEnumerable<string> all = captions.Select(c => $$"""{"id": {{c.Id}}, "image_id": {{c.Image}}, "caption": "{{c.Text}}"}""");
            return $$"""{"annotations": [{{string.Join(",", all)}}]}""";
        }

        File.WriteAllText(At("captions_train2014.json"), Captions((1, 11, "a dog"), (2, 11, "the dog")));
        File.WriteAllText(At("captions_val2014.json"), Captions((3, 12, "a cat"), (4, 13, "a hat"), (5, 14, "a bag")));
        void Ids(string part, params long[] ids)
            => File.WriteAllBytes(At($"coco_{part}_ids.npy"), Npy("<i8", $"({ids.Length},)", [.. ids.SelectMany(BitConverter.GetBytes)]));
        Ids("train", 2, 1);
        Ids("restval", 3);
        Ids("dev", 4);
        Ids("test", 5);

        IReadOnlyList<CocoCaption> train = KarpathySplit.Read(_folder, "train");

        Assert.Equal(["the dog", "a dog", "a cat"], train.Select(caption => caption.Text));
        Assert.Equal([13L, 14L], KarpathySplit.Read(_folder, "val").Concat(KarpathySplit.Read(_folder, "test")).Select(caption => caption.ImageId));
        Assert.Equal(
            "{\"id\":11,\"text\":\"the dog\",\"captions\":[\"the dog\",\"a dog\"]}",
            Encoding.UTF8.GetString(KarpathyCommand.Samples(train, true)).Split('\n')[0]);
        Assert.Equal(4, Encoding.UTF8.GetString(KarpathyCommand.Samples(train, false)).Split('\n').Length);
        Assert.Contains("\"12\": [", Encoding.UTF8.GetString(KarpathyCommand.References(train)));
        Ids("test", 9);
        Assert.Contains(
            "names the caption 9, which 'captions_val2014.json' does not hold",
            Assert.Throws<ApertureException>(() => KarpathySplit.Read(_folder, "test")).Message);
        Assert.Contains("There is no part 'dev'", Assert.Throws<ApertureException>(() => KarpathySplit.Read(_folder, "dev")).Message);
    }

    [Fact]
    public void The_rates_of_both_stages_are_the_published_table()
    {
        Assert.Equal(
            [2.5e-5, 5e-5, 7.5e-5, 1e-4, 2e-5, 4e-6, 5e-6, 5e-6, 5e-7, 2.5e-7, 5e-8],
            new[] { 0, 1, 2, 3, 10, 20, 25, 26, 41, 51, 56 }.Select(epoch => Math.Round(OfficialRates.Of(epoch), 12)));
    }

    private static byte[] Npy(string type, string shape, byte[] data)
    {
        string header = $"{{'descr': '{type}', 'fortran_order': False, 'shape': {shape}, }}\n";
        return [0x93, .. "NUMPY"u8, 1, 0, (byte)header.Length, 0, .. Encoding.ASCII.GetBytes(header), .. data];
    }

    private static string Repository(params string[] parts)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder!.FullName, "Host.sln")))
        {
            folder = folder.Parent;
        }

        return Path.Combine([folder.FullName, .. parts]);
    }

    private string At(string name) => Path.Combine(_folder, name);
}
